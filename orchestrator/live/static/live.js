"use strict";

// What the live page does beyond links and forms, which work without it:
// it draws charts, filters them and their tables by the URL, and asks the server for news.
const Live = (() => {
  const EVERY = 2000, AT_REST = 10000, CHARTS = 5000;
  const MOST_PICKED = 60;
  const ORDER = /\.(sort|rows|page)$/; // what of a table's URL is no filter
  const main = document.querySelector("main[data-study]");
  const status = document.getElementById("status");
  const base = main?.dataset.study ?? "";
  let drawnAt = 0, drawnRevision = "", drawnQuery = null, asking = false, silent = 0;

  const query = () => new URLSearchParams(location.search);
  const tell = (text) => { if (status && status.textContent !== text) status.textContent = text; };
  const numbered = (number, noun) => `${number.toLocaleString("en")} ${noun}${number === 1 ? "" : "s"}`;

  // ---- the URL holds every filter, sort and selection ----

  function go(params, { push = true } = {}) {
    for (const [key, value] of [...params]) if (value === "") params.delete(key, value);
    const next = params.toString();
    if (next === query().toString()) return;
    const url = location.pathname + (next ? "?" + next : "") + location.hash;
    history[push ? "pushState" : "replaceState"](null, "", url);
    follow();
  }

  function follow() {
    fillForm();
    refreshTables();
    refreshCharts();
  }

  function fillForm() {
    const form = document.getElementById("filter");
    if (!form) return;
    const params = query();
    for (const field of form.elements) {
      if (!field.name || field === document.activeElement) continue;
      if (field.type === "checkbox") field.checked = params.getAll(field.name).includes(field.value);
      else field.value = params.get(field.name) ?? "";
    }
  }

  function readForm(form) {
    const params = query(), names = new Set([...form.elements].map((field) => field.name).filter(Boolean));
    for (const name of names) params.delete(name);
    for (const [name, value] of new FormData(form)) if (value !== "") params.append(name, value);
    for (const key of [...params.keys()]) if (key.endsWith(".page")) params.delete(key);
    return params;
  }

  // ---- tables: a page of rows, morphed in place so that scroll and focus stay ----

  const ownParams = (table, params = query()) => {
    const own = new URLSearchParams();
    for (const [key, value] of params) if (key.startsWith(table + ".")) own.append(key, value);
    return own.toString();
  };

  async function refreshTables() {
    await Promise.all([...document.querySelectorAll("[data-table]")].map((box) => {
      const params = query(), order = `${box.dataset.table}.sort`;
      if (box.dataset.table === "candidates" && !params.has(order)) params.set(order, "-accuracy");
      const url = `${base}/tables/${box.dataset.table}?${params}`;
      return htmx.ajax("GET", url, { source: box, target: box, swap: "outerMorph" });
    }));
    Ago.write();
  }

  // ---- charts: one request for all of them, drawn again only where they differ ----

  async function refreshCharts() {
    const slots = [...document.querySelectorAll("[data-chart]")];
    if (!slots.length || asking) return;
    asking = true;
    const asked = location.search;
    try {
      const answer = await fetch(`${base}/charts.json${asked}`, { headers: { Accept: "application/json" } });
      const body = await answer.json();
      if (!answer.ok) throw new Error([body.error, body.allowed && `allowed: ${body.allowed}`].filter(Boolean).join("; "));
      if (answer.status === 202) {
        for (const line of document.querySelectorAll("[data-chart] .pending")) line.textContent = `${body.reading}.`;
        setTimeout(refreshCharts, 1000);
        return;
      }
      for (const slot of slots) place(slot, body.charts[slot.dataset.chart]);
      Figures.scan();
      count(body);
      drawnQuery = asked;
      drawnRevision = revision();
      drawnAt = Date.now();
    } catch (error) {
      for (const slot of slots.filter((each) => each.querySelector(".pending"))) {
        slot.querySelector(".pending").textContent = `This chart cannot be drawn: ${error.message}`;
      }
      tell(`The charts are as they were: ${error.message}`);
      document.getElementById("clear")?.removeAttribute("hidden");
    } finally {
      asking = false;
    }
    if (asked !== location.search) refreshCharts();
  }

  function place(slot, chart) {
    const part = slot.closest("[data-optional]");
    if (part) part.hidden = !chart;
    if (!chart) {
      slot.replaceChildren(made("p", { className: "pending", textContent: slot.dataset.absent ?? "" }));
      return;
    }
    if (slot.querySelector("figure")) {
      Figures.update(slot.dataset.chart, chart.figure);
    } else {
      const figure = made("figure", { className: "chart", id: `figure-${slot.dataset.chart}` });
      const script = made("script", { type: "application/json", textContent: JSON.stringify(chart.figure) });
      script.dataset.figure = slot.dataset.chart;
      figure.append(made("figcaption"), made("div", { className: "plot" }), script);
      slot.replaceChildren(figure, made("p", { className: "note" }));
    }
    slot.querySelector(".note").textContent = chart.note;
  }

  const made = (tag, fields) => Object.assign(document.createElement(tag), fields);

  function count({ matched, total }) {
    const line = document.getElementById("matched");
    const narrowed = [...query().keys()].some((key) => key.startsWith("candidates.") && !ORDER.test(key));
    const text = narrowed
      ? `${matched.toLocaleString("en")} of ${numbered(total, "network")} match${matched === 1 ? "es" : ""}; the other ${(total - matched).toLocaleString("en")} are faded in charts and hidden in the table.`
      : `All ${numbered(total, "network")}.`;
    if (line) line.textContent = text;
    document.getElementById("clear")?.toggleAttribute("hidden", !narrowed);
    if (drawnQuery !== null && drawnQuery !== location.search) tell(text);
  }

  // ---- selecting in a chart is a filter; pointing at a mark shows it everywhere ----

  const idOf = (point) => {
    const ids = point.data.ids;
    return Array.isArray(ids) ? ids[point.pointNumber] : undefined;
  };

  function selected(plot, points) {
    const params = query(), meta = plot.layout.meta ?? {};
    const marks = points.filter(idOf);
    if (!marks.length) return tell("No network lies there.");
    if (meta.x && meta.y) {
      for (const [axis, column] of [["x", meta.x], ["y", meta.y]]) {
        const values = marks.map((point) => point[axis] / (axis === "y" ? meta.scale ?? 1 : 1));
        params.set(`candidates.${column}.min`, String(outwards(Math.min(...values), -1)));
        params.set(`candidates.${column}.max`, String(outwards(Math.max(...values), 1)));
      }
    } else {
      const ids = [...new Set(marks.map(idOf))];
      if (ids.length > MOST_PICKED) return tell(`These are ${ids.length} networks: select at most ${MOST_PICKED} here. Accuracy against cost takes any number.`);
      params.delete("candidates.candidate");
      for (const id of ids) params.append("candidates.candidate", id);
    }
    params.delete("candidates.page");
    go(params);
  }

  // The server reads six digits: a bound is rounded away from the marks, never across them.
  function outwards(value, sign) {
    if (!value) return 0;
    const step = 10 ** (Math.floor(Math.log10(Math.abs(value))) - 4);
    return Number(((sign < 0 ? Math.floor(value / step) : Math.ceil(value / step)) * step).toPrecision(6));
  }

  function cleared() {
    const params = query();
    for (const key of [...params.keys()]) {
      if (key.startsWith("candidates.") && !ORDER.test(key)) params.delete(key);
    }
    go(params);
  }

  function point(id, from) {
    for (const row of document.querySelectorAll("tr.pointed")) row.classList.remove("pointed");
    if (id) document.querySelector(`tr[data-candidate="${CSS.escape(id)}"]`)?.classList.add("pointed");
    for (const plot of document.querySelectorAll(".plot.js-plotly-plot")) {
      if (plot === from || !plot.data) continue;
      const at = id ? plot.data.flatMap((trace, curveNumber) => {
        const pointNumber = trace.mode?.includes("markers") && Array.isArray(trace.ids) ? trace.ids.indexOf(id) : -1;
        return pointNumber < 0 ? [] : [{ curveNumber, pointNumber }];
      }) : [];
      try { Plotly.Fx.hover(plot, at.slice(0, 1)); } catch { /* not in view yet */ }
    }
  }

  function linked(event) {
    const { plot, name } = event.detail;
    const jobs = name === "timeline";
    // plotly keeps the box of a selection, and says "selected" again whenever it draws: only what a
    // person drags counts, and the box goes away.
    let dragged = false;
    plot.on("plotly_selecting", () => { dragged = true; });
    plot.on("plotly_selected", (chosen) => {
      if (!dragged || jobs) return;
      dragged = false;
      if (chosen?.points) selected(plot, chosen.points);
      Plotly.relayout(plot, { selections: [] });
    });
    plot.on("plotly_doubleclick", cleared);
    plot.on("plotly_hover", ({ points }) => { if (!jobs) point(idOf(points[0]), plot); });
    plot.on("plotly_unhover", () => { if (!jobs) point(null, plot); });
    plot.on("plotly_click", ({ points }) => {
      const id = idOf(points[0]);
      if (id && jobs) location.assign(`${base}/jobs/${encodeURIComponent(id)}`);
      else if (id) pick(id);
    });
  }

  function pick(id) {
    const params = query(), key = "candidates.candidate";
    if (params.has(key, id)) params.delete(key, id);
    else params.append(key, id);
    go(params);
  }

  // ---- news: asked for while somebody looks ----

  const progress = () => document.getElementById("progress-of-study");
  const revision = () => progress()?.dataset.revision ?? "";
  const running = () => Boolean(progress()?.dataset.running);

  function tick() {
    if (document.hidden) return;
    progress()?.dispatchEvent(new CustomEvent("news"));
  }

  function arrived() {
    silent = 0;
    Ago.write();
    const line = progress()?.dataset.line;
    if (line) tell(line);
    if (revision() === drawnRevision || Date.now() - drawnAt < CHARTS) return;
    drawnRevision = revision();
    refreshCharts();
    refreshTables();
  }

  function lost() {
    silent ||= Date.now();
    tell(`The server has not answered since ${new Date(silent).toLocaleTimeString()}. What you see is what was read before; it is asked again every few seconds.`);
  }

  function start() {
    document.addEventListener("figure:drawn", linked);
    document.getElementById("clear")?.addEventListener("click", (event) => { event.preventDefault(); cleared(); });
    const form = document.getElementById("filter");
    form?.addEventListener("submit", (event) => { event.preventDefault(); go(readForm(form)); });
    form?.addEventListener("change", () => go(readForm(form)));
    let typed = 0;
    form?.addEventListener("input", () => { clearTimeout(typed); typed = setTimeout(() => go(readForm(form), { push: false }), 400); });
    for (const kind of ["mouseover", "focusin"]) {
      document.addEventListener(kind, (event) => {
        const row = event.target.closest?.("tr[data-candidate]");
        if (row) point(row.dataset.candidate, null);
      });
    }
    addEventListener("popstate", follow);
    document.addEventListener("visibilitychange", tick);
    if (progress()) {
      document.addEventListener("htmx:after:swap", (event) => { if (event.target === progress()) arrived(); });
      document.addEventListener("htmx:error", lost);
      document.addEventListener("htmx:response:error", ({ detail }) => {
        if (detail.ctx?.response?.status >= 500) tell("The store could not be read just now. What you see is what was read before; it is asked again every few seconds.");
      });
      const again = () => setTimeout(() => { tick(); again(); }, running() ? EVERY : AT_REST);
      again();
    }
    // Links of a table put its state into the URL; the filter of networks may be a part of it.
    document.addEventListener("htmx:after:history:push", () => {
      fillForm();
      if (ownParams("candidates") !== ownParams("candidates", new URLSearchParams(drawnQuery))) refreshCharts();
    });
    document.addEventListener("htmx:before:history:restore", (event) => event.preventDefault());
    fillForm();
    // On a telephone the filter would push the charts off the screen.
    if (matchMedia("(max-width: 560px)").matches && !ownParams("candidates")) document.getElementById("filters")?.removeAttribute("open");
    refreshCharts();
  }

  if (main && main.dataset.study) {
    if (document.readyState === "loading") addEventListener("DOMContentLoaded", start);
    else start();
  }
  return { go, cleared };
})();
