"use strict";

// Draws every <script type="application/json" data-figure="NAME"> of a page, inside the
// <figure class="chart"> around it: {data, layout, alt, narrow, choices, columns}. See figure.py.
const Figures = (() => {
  const NARROW = 440;
  const TABLE_ROWS = 500;
  const PAPER = { ink: "#000", line: "#bfc5cc", card: "#fff", width: 680 };
  const settings = { displaylogo: false, modeBarButtons: [["toImage"]] };
  const entries = new Map(); // by script element

  const isPlain = (value) => value !== null && typeof value === "object" && !Array.isArray(value);

  function merged(base, over) {
    const out = { ...base };
    for (const [key, value] of Object.entries(over || {})) {
      out[key] = isPlain(value) && isPlain(out[key]) ? merged(out[key], value) : value;
    }
    return out;
  }

  function colours(paper) {
    if (paper) return PAPER;
    const style = getComputedStyle(document.documentElement);
    const read = (name) => style.getPropertyValue(name).trim();
    return { ink: read("--ink"), line: read("--line"), card: read("--card") };
  }

  // Figures come without colours for text and grid: they take the page's, light, dark or on paper.
  function themed(layout, { ink, line, card }) {
    const clear = "rgba(0,0,0,0)";
    const family = getComputedStyle(document.body).fontFamily;
    const out = merged({
      font: { color: ink, size: 13, family }, paper_bgcolor: clear, plot_bgcolor: clear,
      modebar: { bgcolor: clear, color: ink, activecolor: ink },
      hoverlabel: { align: "left", bgcolor: card, bordercolor: line, font: { color: ink, family } },
      xaxis: {}, yaxis: {},
    }, layout);
    for (const key of Object.keys(out).filter((name) => /^[xy]axis\d*$/.test(name))) {
      out[key] = merged({ gridcolor: line, linecolor: line, tickcolor: line, zerolinecolor: line,
        title: { font: { size: 13, color: ink } } }, out[key]);
    }
    for (const shape of out.shapes || []) {
      shape.line = merged({ color: line }, shape.line);
    }
    return out;
  }

  function chosen(entry) {
    const { data, layout, choices } = entry.figure;
    const choice = (choices || [])[entry.choice];
    if (!choice) return { data, layout };
    const moved = data.map((trace, index) => ({ ...trace, ...(choice.data || [])[index] }));
    return { data: moved, layout: merged(layout, choice.layout) };
  }

  function laidOut(entry, width) {
    const { data, layout } = chosen(entry);
    return { data, layout: width < NARROW ? merged(layout, entry.figure.narrow) : layout };
  }

  // A legend under the axis has as many rows as the width asks for: it is measured once drawn.
  function makeRoom(plot, layout) {
    const legend = layout.legend;
    if (!legend || legend.yref !== "container") return;
    const drawn = plot.querySelector(".legend .bg");
    const height = drawn ? Math.ceil(Number(drawn.getAttribute("height"))) : 0;
    const margin = { ...layout.margin, b: layout.margin.b + height };
    Plotly.relayout(plot, { margin, height: layout.height + height });
  }

  // Ticks with texts of ours are written as far as there is room, and never turned.
  function thinOut(axis, width) {
    if (!axis?.tickvals || !axis.ticktext || !axis.range) return;
    const at = axis.type === "log" ? Math.log10 : Number;
    const [low, high] = axis.range;
    let end = -Infinity;
    axis.tickangle = 0;
    axis.ticktext = axis.ticktext.map((text, index) => {
      const middle = width * (at(axis.tickvals[index]) - low) / (high - low);
      const half = 4 * String(text).length + 4;
      if (middle - half < end) return "";
      end = middle + half;
      return text;
    });
  }

  function draw(entry, paper = false) {
    const width = paper ? PAPER.width : entry.plot.clientWidth;
    if (!width) return; // inside a closed <details>
    const { data, layout } = laidOut(entry, width);
    const out = themed(structuredClone(layout), colours(paper));
    thinOut(out.xaxis, width - (out.margin?.l ?? 80) - (out.margin?.r ?? 80));
    Object.assign(out, { width, autosize: false, uirevision: out.uirevision ?? entry.name });
    try {
      Plotly.react(entry.plot, data, out, settings);
      makeRoom(entry.plot, out);
    } catch (error) {
      entry.plot.textContent = `This figure cannot be drawn here: ${error.message}`;
    }
    // What is drawn is said by the caption and by the table; labels one by one say nothing.
    for (const svg of entry.plot.querySelectorAll("svg.main-svg")) {
      svg.setAttribute("aria-hidden", "true");
    }
    const first = !entry.width;
    entry.plot.style.minHeight = "";
    entry.width = width;
    if (first) {
      const detail = { name: entry.name, plot: entry.plot };
      entry.plot.dispatchEvent(new CustomEvent("figure:drawn", { bubbles: true, detail }));
    }
  }

  function addChoices(entry) {
    entry.box.querySelector(".choices")?.remove();
    const choices = entry.figure.choices || [];
    if (choices.length < 2) return;
    const row = document.createElement("div");
    row.className = "choices";
    row.setAttribute("role", "group");
    row.setAttribute("aria-label", "Show");
    for (const [index, choice] of choices.entries()) {
      const button = document.createElement("button");
      button.type = "button";
      button.textContent = choice.label;
      button.setAttribute("aria-pressed", String(index === entry.choice));
      button.addEventListener("click", () => {
        entry.choice = index;
        for (const other of row.children) {
          other.setAttribute("aria-pressed", String(other === button));
        }
        draw(entry);
      });
      row.append(button);
    }
    entry.plot.before(row);
  }

  // plotly writes arrays of numpy as {dtype, bdata}; figures of ours have plain ones.
  const listed = (values) => Array.isArray(values) ? values : [];

  function reader(axis) {
    const labels = new Map(listed(axis?.tickvals).map((value, i) => [value, axis.ticktext?.[i]]));
    const words = axis?.type !== "log" && listed(axis?.ticktext).length > 0;
    return (value) => words && labels.has(value) ? plain(labels.get(value)) : value;
  }

  function plain(text) {
    const parsed = new DOMParser().parseFromString(String(text).replaceAll("<br>", " "), "text/html");
    return parsed.body.textContent;
  }

  function bounds(trace, axis, index) {
    const bars = trace["error_" + axis], value = trace[axis][index];
    if (!bars || bars.visible === false || typeof value !== "number") return ["", ""];
    const up = bars.array?.[index] ?? 0, down = (bars.arrayminus ?? bars.array)?.[index] ?? 0;
    return up || down ? [value - down, value + up] : ["", ""];
  }

  // Returns columns and rows of what is drawn: a row for each point.
  function numbers(entry) {
    const { data, layout } = chosen(entry);
    const { columns } = entry.figure;
    const shown = data.filter((trace) => trace.name && trace.hoverinfo !== "skip");
    if (columns) {
      const rows = shown.flatMap((trace) => listed(trace.customdata));
      return { columns, rows };
    }
    const title = (axis) => plain(layout[axis]?.title?.text ?? axis[0]);
    const across = shown.some((trace) => trace.error_x) ? "x" : "y";
    const [x, y] = [reader(layout.xaxis), reader(layout.yaxis)];
    const rows = shown.flatMap((trace) => listed(trace.x).map((value, i) => [
      plain(trace.name), trace.customdata?.[i] ?? "", x(value), y(trace.y[i]), ...bounds(trace, across, i),
    ]));
    const heads = ["series", "point", title("xaxis"), title("yaxis"), "interval from", "to"];
    const kept = heads.map((_, i) => rows.some((row) => row[i] !== ""));
    const keep = (row) => row.filter((_, i) => kept[i]);
    return { columns: keep(heads), rows: rows.map(keep) };
  }

  const round = (value) => typeof value === "number" ? String(Number(value.toPrecision(6))) : String(value ?? "");

  // A spreadsheet would run a text that begins like a formula.
  function csv({ columns, rows }) {
    const cell = (value) => {
      const text = typeof value === "string" && /^[=+\-@\t\r]/.test(value) ? "'" + value : String(value ?? "");
      return /[",\n\r]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
    };
    return [columns, ...rows].map((row) => row.map(cell).join(",")).join("\r\n") + "\r\n";
  }

  function save(name, content, type) {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([content], { type }));
    link.download = name;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10000);
  }

  function fillTable(entry, details) {
    details.querySelector(".numbers-body")?.remove();
    const table = numbers(entry);
    const body = document.createElement("div");
    body.className = "numbers-body";
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = "Download as CSV";
    button.addEventListener("click", () => save(`${entry.name}.csv`, csv(numbers(entry)), "text/csv"));
    const scroll = document.createElement("div");
    scroll.className = "scroll";
    scroll.tabIndex = 0;
    scroll.setAttribute("role", "group");
    scroll.setAttribute("aria-label", "Numbers of the figure");
    const grid = scroll.appendChild(document.createElement("table"));
    const line = (cells, tag) => {
      const row = document.createElement("tr");
      for (const cell of cells) {
        const made = row.appendChild(document.createElement(tag));
        if (tag === "th") made.scope = "col";
        if (typeof cell === "number") made.className = "number";
        made.textContent = round(cell);
      }
      return row;
    };
    grid.createTHead().append(line(table.columns, "th"));
    grid.createTBody().append(...table.rows.slice(0, TABLE_ROWS).map((row) => line(row, "td")));
    body.append(button, scroll);
    if (table.rows.length > TABLE_ROWS) {
      const note = document.createElement("p");
      note.textContent = `The first ${TABLE_ROWS} of ${table.rows.length} rows; the CSV has all.`;
      body.append(note);
    }
    details.append(body);
  }

  function addTable(entry) {
    let details = entry.box.querySelector("details.numbers");
    if (!details) {
      details = document.createElement("details");
      details.className = "numbers";
      details.append(document.createElement("summary"));
      details.firstChild.textContent = "Numbers of this figure";
      details.addEventListener("toggle", () => { if (details.open) fillTable(entry, details); });
      entry.box.append(details);
    }
    if (details.open) fillTable(entry, details);
  }

  const seen = new IntersectionObserver((changes) => {
    for (const change of changes.filter((each) => each.isIntersecting)) {
      for (const entry of entries.values()) {
        if (entry.plot === change.target && !entry.width) draw(entry);
      }
    }
  }, { rootMargin: "300px" });

  const sized = new ResizeObserver((changes) => {
    for (const { target } of changes) {
      for (const entry of entries.values()) {
        if (entry.plot === target && entry.width && target.clientWidth && entry.width !== target.clientWidth) draw(entry);
      }
    }
  });

  function add(script) {
    const box = script.closest("figure");
    const plot = box.querySelector(".plot");
    const entry = { name: script.dataset.figure, box, plot, script, choice: 0, width: 0 };
    entries.set(script, entry);
    seen.observe(plot);
    sized.observe(plot);
    return entry;
  }

  function load(entry) {
    entry.text = entry.script.textContent;
    entry.figure = JSON.parse(entry.text);
    // Room is kept, so that a page jumps little when figures are drawn.
    if (!entry.width) entry.plot.style.minHeight = `${laidOut(entry, entry.plot.clientWidth).layout.height ?? 400}px`;
    const caption = entry.box.querySelector("figcaption");
    if (caption) caption.textContent = entry.figure.alt;
    addChoices(entry);
    addTable(entry);
    if (entry.width) draw(entry);
  }

  // Finds new figures and changed ones; forgets those that have left the page.
  function scan(root = document) {
    for (const [script, entry] of entries) {
      if (script.isConnected && entry.plot.isConnected) continue;
      seen.unobserve(entry.plot);
      sized.unobserve(entry.plot);
      entries.delete(script);
    }
    for (const script of root.querySelectorAll("script[data-figure]")) {
      const entry = entries.get(script) ?? add(script);
      if (entry.text !== script.textContent) load(entry);
    }
  }

  // Draws another state of a figure in its place: zoom, choice and focus stay.
  function update(name, figure) {
    for (const entry of entries.values()) {
      if (entry.name !== name) continue;
      const text = JSON.stringify(figure);
      if (text === entry.text) continue;
      entry.script.textContent = text;
      load(entry);
    }
  }

  const redraw = (paper, all = false) => {
    for (const entry of entries.values()) if (all || entry.width) draw(entry, paper);
  };

  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => redraw(false));
  // On paper nothing scrolls into view, the width is the sheet's, and colours are those of ink.
  addEventListener("beforeprint", () => redraw(true, true));
  addEventListener("afterprint", () => redraw(false));
  if (document.readyState === "loading") addEventListener("DOMContentLoaded", () => scan());
  else scan();
  return { scan, update, save, csv, all: () => [...entries.values()].map(({ name, figure }) => ({ name, figure })) };
})();
