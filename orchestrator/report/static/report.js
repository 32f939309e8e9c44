"use strict";

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

// The rows are packed: without that, they would be most of the page.
async function rowsAsCsv() {
  const text = document.getElementById("rows").textContent;
  const bytes = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  const { columns, values } = JSON.parse(await new Response(stream).text());
  const rows = (values[0] || []).map((_, row) => values.map((column) => column[row]));
  return Figures.csv({ columns, rows });
}

const contents = {
  rows: async () => [await rowsAsCsv(), "text/csv"],
  figures: async () => [JSON.stringify(Figures.all()), "application/json"],
  spec: async () => [JSON.parse(document.getElementById("spec-json").textContent), "application/yaml"],
};

for (const button of document.querySelectorAll("th button")) {
  button.addEventListener("click", () => sortBy(button.parentNode));
}
for (const button of document.querySelectorAll("button[data-download]")) {
  button.addEventListener("click", async () => {
    const [content, type] = await contents[button.dataset.download]();
    Figures.save(button.dataset.name, content, type);
  });
}

// On paper nothing can be opened.
const opened = new Set();
addEventListener("beforeprint", () => {
  for (const details of document.querySelectorAll("details:not(.numbers):not([open])")) {
    details.open = true;
    opened.add(details);
  }
});
addEventListener("afterprint", () => {
  for (const details of opened) details.open = false;
  opened.clear();
});
