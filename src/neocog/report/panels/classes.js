// Each class: how many pictures, which error, what it is taken for.

import { fill, fillNodes, h, interval, name, number, percent, s } from "./dom.js";
import { table } from "./table.js";

export function render(element, data, words) {
  const w = words.classes;
  const rows = data.table.map((row, i) => ({ ...row, i, name: data.classes[i] }));
  const known = rows.filter((row) => row.error !== null);
  const worst = known.reduce((a, b) => (b.error > a.error ? b : a), known[0]);
  element.append(h("h2", null, w.title));
  if (worst) element.append(h("p", { class: "lead" }, fillNodes(worst.error > 0 ? w.worst : w.perfect, { name: h("b", null, name(worst.name)), error: percent(worst.error, words, 1), n: number(worst.n, words) })));
  const most = Math.max(1, ...known.map((row) => row.ci95[1]));
  const columns = [
    { key: "name", label: w.name, header: true, cell: (row) => name(row.name), sort: (row) => row.name },
    rows.some((row) => row.learned !== null) ? { key: "learned", label: w.learned, numeric: true, cell: (row) => number(row.learned, words), sort: (row) => row.learned } : null,
    { key: "n", label: w.n, numeric: true, cell: (row) => number(row.n, words), sort: (row) => row.n },
    { key: "error", label: w.error, numeric: true, cell: (row) => percent(row.error, words, 1), sort: (row) => row.error },
    { key: "ci95", label: w.interval, cell: (row) => (row.n ? bar(row, most, words) : "–") },
    { key: "precision", label: w.precision, title: w.precisionTitle, numeric: true, cell: (row) => percent(row.precision, words, 1), sort: (row) => row.precision },
    { key: "taken", label: w.takenFor, cell: (row) => h("span", { class: "taken" }, row.taken_for.length ? row.taken_for.map(([j, n]) => h("span", null, name(data.classes[j]), " ", h("small", null, number(n, words)))) : "–") },
  ].filter(Boolean);
  element.append(table(rows, columns, words, { class: "classes", caption: fill(w.caption, { n: number(rows.length, words) }), sortBy: "error", descending: true, search: (row) => row.name }));
  element.append(h("p", { class: "note" }, w.note));
}

function bar(row, most, words) {
  const x = (v) => 4 + (v / most) * 132;
  return s("svg", { class: "spread", viewBox: "0 0 140 14", role: "img", "aria-label": interval(row.ci95, words, 1) },
    s("line", { class: "track", x1: x(0), x2: x(most), y1: 7, y2: 7 }),
    s("line", { class: "extent", x1: x(row.ci95[0]), x2: x(row.ci95[1]), y1: 7, y2: 7 }),
    s("circle", { class: "here", cx: x(row.error), cy: 7, r: 3.2 }));
}
