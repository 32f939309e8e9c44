"use strict";
// A hidden page asks for nothing. (A filter in hx-trigger would need eval, which the policy forbids.)
document.addEventListener("htmx:before:request", (event) => {
  if (document.hidden) {
    event.preventDefault();
  }
});
