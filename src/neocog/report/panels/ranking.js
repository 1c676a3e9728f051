// The networks, best first: error with its interval, and what each costs.

import { duration, fill, h, interval, large, name, number, pValue, percent } from "./dom.js";
import { signed, span } from "./comparison.js";
import { table } from "./table.js";

export function render(element, data, words) {
  const w = words.ranking;
  const rows = data.rows.map((row, i) => ({ ...row, place: i + 1 }));
  const some = (get) => rows.some((row) => get(row) !== null && get(row) !== undefined);
  element.append(h("h2", null, w.title));
  element.append(table(rows, [
    { key: "place", label: w.place, numeric: true, cell: (row) => String(row.place), sort: (row) => row.place },
    { key: "net", label: w.net, header: true, sort: (row) => row.net,
      cell: (row) => [h("b", null, name(row.net)), row.pareto ? h("span", { class: "tag", title: w.frontTitle }, w.front) : null, words.code === "zh" && row.rule_zh ? under(name(row.rule_zh)) : h("small", { class: "rule-of", lang: "en" }, name(row.rule))] },
    { key: "error", label: w.error, numeric: true, cell: (row) => [percent(row.top1_error, words), row.top5_error === null || row.top5_error === undefined ? null : under(fill(w.top5, { error: percent(row.top5_error, words) }))], sort: (row) => row.top1_error },
    { key: "ci", label: words.classes.interval, whole: true, cell: (row) => [span(row, rows, words, (one) => [one.top1_error, one.ci95]), under(interval(row.ci95, words))] },
    some((row) => row.spread) ? { key: "spread", label: w.spread, title: w.spreadTitle, numeric: true, cell: (row) => (row.spread === null ? "–" : `±\u202f${number(row.spread, words, 2)}`), sort: (row) => row.spread } : null,
    { key: "behind", label: w.behind, title: w.behindTitle, numeric: true, sort: (row) => row.vs_best?.difference ?? 0,
      cell: (row) => (row.vs_best ? [signed(row.vs_best.difference, words), under(fill(w.p, { p: pValue(row.vs_best.p_holm, words) }))] : "–") },
    { key: "latency", label: w.latency, numeric: true, cell: (row) => (row.latency_ms ? milliseconds(row.latency_ms.median, words) : "–"), sort: (row) => row.latency_ms?.median },
    { key: "params", label: w.params, numeric: true, cell: (row) => [large(row.params, words), under(fill(w.macs, { n: large(row.macs, words) }))], sort: (row) => row.params },
    { key: "size", label: w.size, title: w.sizeTitle, numeric: true, sort: (row) => row.size_mb,
      cell: (row) => (row.size_mb === undefined ? "–" : [number(row.size_mb, words, row.size_mb < 10 ? 2 : 0), row.memory_mb ? under(fill(w.memory, { n: number(row.memory_mb, words) })) : null]) },
    { key: "time", label: w.time, numeric: true, cell: (row) => duration(row.train_seconds, words), sort: (row) => row.train_seconds },
  ].filter(Boolean), words, { class: "ranking", caption: fill(w.caption, { n: number(rows[0].n, words) }), sortBy: "place" }));
  if (data.n_pairs) element.append(h("p", { class: "note" }, fill(w.note, { n: data.n_pairs })));
}

function under(text) {
  return h("small", { class: "rule-of" }, text);
}

export function milliseconds(value, words) {
  return `${number(value, words, value < 10 ? 2 : value < 100 ? 1 : 0)}\u202fms`;
}
