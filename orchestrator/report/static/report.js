"use strict";

const dark = matchMedia("(prefers-color-scheme: dark)");
const settings = { responsive: true, displaylogo: false, modeBarButtons: [["toImage"]] };

// Figures come without colours for text and grid: they take the page's, light, dark or on paper.
function themed(layout) {
  const style = getComputedStyle(document.documentElement);
  const colour = (name) => style.getPropertyValue(name).trim();
  const ink = colour("--ink"), line = colour("--line"), paper = colour("--card");
  const axis = { gridcolor: line, linecolor: line, tickcolor: line };
  const clear = "rgba(0,0,0,0)";
  const out = { ...layout, modebar: { bgcolor: clear, color: line, activecolor: ink }, font: { color: ink, size: 13, family: style.fontFamily },
    hoverlabel: { ...layout.hoverlabel, bgcolor: paper, bordercolor: line,
      font: { color: ink, family: style.fontFamily } } };
  for (const key of Object.keys(layout)) {
    if (!/^[xy]axis/.test(key)) continue;
    const title = { ...layout[key].title, font: { size: 13, color: ink } };
    out[key] = { ...layout[key], ...axis, title };
  }
  if (layout.ternary) {
    out.ternary = { ...layout.ternary };
    for (const key of ["aaxis", "baxis", "caxis"]) {
      out.ternary[key] = { ...layout.ternary[key], ...axis };
    }
  }
  for (const menu of out.updatemenus || []) {
    Object.assign(menu, { bgcolor: paper, bordercolor: line, font: { color: ink, size: 12 } });
  }
  return out;
}

// A legend under the axis has a row for each mark on a narrow page, and needs less room on a wide one.
function fitted(figure, layout, width) {
  if (!layout.legend || layout.legend.yref !== "container") return layout;
  const named = figure.data.filter((mark) => mark.name && mark.showlegend !== false).length;
  const rows = Math.ceil(named / Math.max(1, Math.floor((width - 64) / 170)));
  const spare = Math.max(0, layout.margin.b - 85 - 20 * rows);
  const margin = { ...layout.margin, b: layout.margin.b - spare };
  return { ...layout, margin, height: layout.height - spare };
}

function drawAll() {
  const figures = JSON.parse(document.getElementById("figures").textContent);
  for (const [name, figure] of Object.entries(figures)) {
    const target = document.getElementById("figure-" + name);
    if (!target) continue;
    const layout = fitted(figure, themed(figure.layout), target.clientWidth);
    Plotly.react(target, figure.data, layout, settings);
  }
}

function sortBy(header) {
  const table = header.closest("table"), body = table.tBodies[0];
  const column = header.cellIndex, down = header.getAttribute("aria-sort") !== "descending";
  const read = (row) => {
    const key = row.cells[column].dataset.key;
    return row.cells[column].classList.contains("number") ? Number(key) : key;
  };
  const order = (a, b) => (read(a) < read(b) ? -1 : read(a) > read(b) ? 1 : 0) * (down ? -1 : 1);
  for (const cell of header.parentNode.cells) cell.removeAttribute("aria-sort");
  header.setAttribute("aria-sort", down ? "descending" : "ascending");
  body.append(...[...body.rows].sort(order));
}

for (const button of document.querySelectorAll("th button")) {
  button.addEventListener("click", () => sortBy(button.parentNode));
}
drawAll();
dark.addEventListener("change", drawAll);
matchMedia("print").addEventListener("change", drawAll);
addEventListener("beforeprint", () => {
  for (const details of document.querySelectorAll("details")) details.open = true;
});
