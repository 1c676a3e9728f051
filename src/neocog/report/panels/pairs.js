// Every pair of networks on the same pictures.

import { fill, h, interval, name, number, pValue, s } from "./dom.js";
import { signed } from "./comparison.js";
import { table } from "./table.js";

export function render(element, data, words) {
  const w = words.pairs, most = Math.max(1, ...data.rows.flatMap((row) => row.ci95.map(Math.abs)));
  const told = data.rows.filter((row) => row.p_holm < 0.05).length;
  element.append(h("h2", null, w.title), h("p", { class: "lead" }, fill(w.lead, { told: number(told, words), n: number(data.rows.length, words) })),
    table(data.rows, [
      { key: "a", label: w.a, header: true, cell: (row) => name(row.a), sort: (row) => row.a },
      { key: "b", label: w.b, cell: (row) => name(row.b), sort: (row) => row.b },
      { key: "d", label: w.difference, numeric: true, cell: (row) => signed(row.difference, words), sort: (row) => row.difference },
      { key: "bar", label: words.classes.interval, cell: (row) => bar(row, most, words) },
      { key: "ci", label: w.range, whole: true, cell: (row) => interval(row.ci95, words) },
      { key: "p", label: "p", numeric: true, cell: (row) => pValue(row.p, words), sort: (row) => row.p },
      { key: "ph", label: w.holm, title: w.holmTitle, numeric: true, cell: (row) => pValue(row.p_holm, words), sort: (row) => row.p_holm },
      { key: "who", label: w.verdict, whole: true, cell: (row) => (row.p_holm < 0.05 ? h("b", null, name(row.difference < 0 ? row.a : row.b)) : h("span", { class: "faint" }, w.open)) },
    ], words, { caption: fill(w.caption, { n: number(data.rows[0].n, words) }), search: (row) => `${row.a} ${row.b}` }),
    h("p", { class: "note" }, w.note));
}

function bar(row, most, words) {
  const x = (v) => 90 + (v / most) * 84, sure = row.p_holm < 0.05;
  return s("svg", { class: "spread wide", viewBox: "0 0 180 14", role: "img", "aria-label": interval(row.ci95, words) },
    s("line", { class: "track", x1: x(-most), x2: x(most), y1: 7, y2: 7 }), s("line", { class: "worst", x1: x(0), x2: x(0), y1: 1, y2: 13 }),
    s("line", { class: sure ? "extent" : "extent faint", x1: x(row.ci95[0]), x2: x(row.ci95[1]), y1: 7, y2: 7 }),
    s("circle", { class: sure ? "here" : "here faint", cx: x(row.difference), cy: 7, r: 3.2 }));
}
