// Validation error of every network over its training.

import { h, fill, number, percent } from "./dom.js";
import { digits, lines, range } from "./chart.js";
import { alternative } from "./table.js";

const STYLES = ["one", "two", "three", "four", "five", "six", "seven", "eight"];

export function render(element, data, words) {
  const w = words.race, rows = data.rows.filter((row) => row.points.length > 1).slice(0, STYLES.length);
  const absent = data.rows.filter((row) => !rows.includes(row)).map((row) => row.net);
  element.append(h("h2", null, w.title));
  if (rows.length) {
    const [from, to] = range(rows.flatMap((row) => row.points.map(([, y]) => y)), { most: 100 });
    element.append(h("figure", { class: "chartbox wide" },
      lines({
        series: rows.map((row, i) => ({ name: row.net, style: STYLES[i], points: row.points, format: (v) => percent(v, words, 1) })),
        x: { from: 0, to: 100, label: w.share, format: (v) => number(v, words, v % 1 ? 1 : 0) }, y: { from, to, format: (v) => number(v, words, digits(from, to, 4)) },
        label: w.title, description: rows.map((row) => `${row.net}: ${percent(row.points[row.points.length - 1][1], words, 1)}`).join("; "), height: 380, width: 760, readout: fill(words.curves.readout, { what: w.title }),
      }),
      alternative(rows.flatMap((row) => row.points.map(([x, y]) => ({ net: row.net, x, y }))), [
        { key: "net", label: words.ranking.net, header: true, cell: (one) => one.net, sort: (one) => one.net },
        { key: "x", label: w.share, numeric: true, cell: (one) => number(one.x, words, 1), sort: (one) => one.x },
        { key: "y", label: words.ranking.error, numeric: true, cell: (one) => percent(one.y, words), sort: (one) => one.y },
      ], words, w.title)));
  }
  element.append(h("p", { class: "note" }, w.note, absent.length ? ` ${fill(w.absent, { nets: absent.join(", ") })}` : ""));
}
