(() => {
  "use strict";
  const root = document.documentElement;

  // Light and dark: the reader's system decides until the button is used.
  const button = document.getElementById("theme");
  const system = matchMedia("(prefers-color-scheme: dark)");
  const dark = () => (root.dataset.theme ? root.dataset.theme === "dark" : system.matches);
  const label = () => button.setAttribute("aria-pressed", String(dark()));
  button.hidden = false;
  button.addEventListener("click", () => {
    root.dataset.theme = dark() ? "light" : "dark";
    label();
  });
  system.addEventListener("change", label);
  label();

  // Sorting: numbers as they are written ("1,234", "12.3 million", "< 0.1 %", "∞", "–"), or text.
  const number = (text) => {
    const plain = text.replace(/[,<> ]/g, "").replace("−", "-").replace("∞", "Infinity");
    const value = parseFloat(plain) * (plain.endsWith("million") ? 1e6 : 1);
    return Number.isNaN(value) ? -Infinity : value;
  };
  // A row is moved and hidden together with the folded one that may follow it.
  const lines = (table) => [...table.tBodies[0].rows].filter((row) => !row.matches(".more"));
  const sort = (table, column, direction, numeric) => {
    const key = (row) => {
      const text = row.cells[column].textContent.trim();
      return numeric ? number(text) : text.toLowerCase();
    };
    const rows = lines(table).map((row) => [key(row), row, row.nextElementSibling]);
    rows.sort(([a], [b]) => direction * (a < b ? -1 : a > b ? 1 : 0));
    for (const [, row, next] of rows) table.tBodies[0].append(row, ...(next?.matches(".more") ? [next] : []));
  };
  for (const table of document.querySelectorAll("table.sortable")) {
    const headers = [...table.tHead.rows[0].cells];
    headers.forEach((header, column) => {
      if (header.dataset.unsorted !== undefined) return;
      const press = document.createElement("button");
      press.type = "button";
      press.append(...header.childNodes);
      header.append(press);
      press.addEventListener("click", () => {
        const numeric = header.matches(".n");
        const was = header.getAttribute("aria-sort");
        const up = was ? was !== "ascending" : !numeric;
        headers.forEach((other) => other.removeAttribute("aria-sort"));
        header.setAttribute("aria-sort", up ? "ascending" : "descending");
        sort(table, column, up ? 1 : -1, numeric);
      });
    });
  }

  // Filtering the layers by a part of the name and by verdict.
  const form = document.getElementById("layer-filter");
  const rows = lines(document.getElementById("layer-table"));
  const filter = () => {
    const text = form.elements.text.value.trim().toLowerCase();
    const verdict = form.elements.verdict.value;
    let shown = 0;
    for (const row of rows) {
      const name = row.cells[0].textContent.toLowerCase();
      row.hidden = !name.includes(text) || (verdict && !row.cells[1].matches(`.${verdict}`));
      shown += row.hidden ? 0 : 1;
    }
    form.elements.shown.value = `${shown} of ${rows.length}`;
  };
  form.hidden = false;
  form.addEventListener("input", filter);
  form.addEventListener("submit", (event) => event.preventDefault());
  filter();

  // A link to a message opens it.
  const reveal = () => {
    const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
    if (!target) return;
    for (let at = target; at; at = at.parentElement) if (at.tagName === "DETAILS") at.open = true;
    target.scrollIntoView();
  };
  addEventListener("hashchange", reveal);
  if (location.hash) reveal();
})();
