"use strict";
// Sends the token once, as a header: it is in no URL that leaves the browser, and in no history.
const enter = async (token) => {
  const headers = token ? { Authorization: `Bearer ${token}` } : {};
  const answer = await fetch("/session", { headers, cache: "no-store" });
  if (answer.ok) {
    // Without what stands behind the `#`, so that the token is in no history either.
    location.replace(location.pathname + location.search);
    return;
  }
  if (token) {
    document.getElementById("refused").textContent = "That is not the token of this server.";
  }
};
const token = new URLSearchParams(location.hash.slice(1)).get("token");
if (token) {
  history.replaceState(null, "", location.pathname + location.search);
}
// Without a token too: a link from elsewhere brings no SameSite cookie, this request does.
enter(token || "");
document.getElementById("login").addEventListener("submit", (event) => {
  event.preventDefault();
  enter(document.getElementById("token").value.trim());
});
