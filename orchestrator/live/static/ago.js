"use strict";

// Writes <time datetime="..."> as time ago, in words that a person reads at once.
const Ago = (() => {
  const steps = [[86400, "d"], [3600, "h"], [60, "min"], [1, "s"]];

  function ago(moment) {
    const seconds = Math.max(0, Math.round((Date.now() - moment) / 1000));
    const [size, unit] = steps.find(([each]) => seconds >= 2 * each) ?? [1, "s"];
    return seconds < 2 ? "now" : `${Math.floor(seconds / size)} ${unit} ago`;
  }

  function write() {
    for (const element of document.querySelectorAll("time[datetime]")) {
      const moment = Date.parse(element.dateTime);
      if (Number.isNaN(moment)) continue;
      if (!element.title) element.title = element.textContent;
      const text = ago(moment);
      if (element.textContent !== text) element.textContent = text;
    }
  }

  addEventListener("DOMContentLoaded", write);
  setInterval(() => { if (!document.hidden) write(); }, 5000);
  return { write };
})();
