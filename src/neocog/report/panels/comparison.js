// Beside simpler ways and other runs: errors with their intervals, on one scale.

import { fill, h, interval, name, number, pValue, percent, s } from "./dom.js";
import { table } from "./table.js";

export function render(element, data, words) {
  const w = words.comparison;
  element.append(h("h2", null, w.title));
  if (data.validation.length) {
    const label = (row) => (row.name === "" ? w.this : (w.ways[row.name] ?? row.name));
    element.append(h("h3", null, w.simpler), h("p", { class: "lead" }, fill(w.onValidation, { n: number(data.validation[0].n, words) })),
      table(data.validation, [
        { key: "name", label: w.way, header: true, cell: (row) => (row.name === "" ? h("b", null, w.this) : name(label(row))), sort: label },
        { key: "error", label: w.error, numeric: true, cell: (row) => percent(row.error, words), sort: (row) => row.error },
        { key: "ci95", label: words.classes.interval, cell: (row) => span(row, data.validation, words) },
        { key: "range", label: words.pairs.range, whole: true, cell: (row) => interval(row.ci95, words, 1) },
      ], words, { caption: w.simpler, quietCaption: true, sortBy: "error" }));
  }
  if (data.runs.length) {
    element.append(h("h3", null, w.runs), table(data.runs, [
      { key: "name", label: w.run, header: true, cell: (row) => name(row.name), sort: (row) => row.name },
      { key: "error", label: w.error, numeric: true, cell: (row) => percent(row.error, words), sort: (row) => row.error },
      { key: "range", label: words.classes.interval, whole: true, cell: (row) => interval(row.ci95, words) },
      { key: "difference", label: w.difference, numeric: true, cell: (row) => signed(row.difference, words), sort: (row) => row.difference },
      { key: "dci", label: words.classes.interval, whole: true, cell: (row) => (row.difference_ci95 ? interval(row.difference_ci95, words) : "–") },
      { key: "p", label: "p", numeric: true, cell: (row) => (row.p === undefined ? "–" : pValue(row.p, words)), sort: (row) => row.p },
      { key: "protocol", label: w.protocol, cell: (row) => h("code", null, row.protocol) },
    ], words, { caption: w.runs, quietCaption: true, sortBy: "error" }), h("p", { class: "note" }, w.note));
  }
}

export function signed(value, words, digits = 2) {
  return value === null || value === undefined ? "–" : (value > 0 ? "+" : "") + number(value, words, digits);
}

// Intervals of several rows on one scale.
export function span(row, rows, words, get = (one) => [one.error, one.ci95]) {
  const most = Math.max(1, ...rows.map((one) => get(one)[1][1])), [error, ci95] = get(row), x = (v) => 4 + (v / most) * 172;
  return s("svg", { class: "spread wide", viewBox: "0 0 180 14", role: "img", "aria-label": interval(ci95, words, 1) },
    s("line", { class: "track", x1: x(0), x2: x(most), y1: 7, y2: 7 }), s("line", { class: "extent", x1: x(ci95[0]), x2: x(ci95[1]), y1: 7, y2: 7 }),
    s("circle", { class: "here", cx: x(error), cy: 7, r: 3.2 }));
}
