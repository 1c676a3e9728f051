// Error against time: which networks nothing else beats in both.

import { fill, h, interval, isolated, number, percent, s } from "./dom.js";
import { digits, frame, range } from "./chart.js";
import { milliseconds } from "./ranking.js";
import { alternative } from "./table.js";

export function render(element, data, words) {
  const w = words.pareto, rows = data.rows;
  const times = rows.map((row) => row.latency_ms.median), low = Math.log10(Math.min(...times) / 1.5), high = Math.log10(Math.max(...times) * 1.6);
  const [from, to] = range(rows.flatMap((row) => row.ci95), { most: 100 });
  const about = rows.map((row) => `${isolated(row.net)}: ${percent(row.top1_error, words)}, ${milliseconds(row.latency_ms.median, words)}`).join("; ");
  const chart = frame({ width: 760, height: 420, left: 54,
    x: { from: low, to: high, label: w.latency, ticks: decades(low, high), format: (v) => number(10 ** v, words, Math.max(0, Math.ceil(-v - 1e-9))) },
    y: { from, to, label: "", format: (v) => number(v, words, digits(from, to, 4)) }, label: w.title, description: about });
  const at = (row) => [chart.x(Math.log10(row.latency_ms.median)), chart.y(row.top1_error)];
  const front = rows.filter((row) => row.pareto).sort((a, b) => a.latency_ms.median - b.latency_ms.median);
  chart.plot.append(
    s("path", { class: "front", d: steps(front.map(at)) }),
    s("g", { class: "whiskers" }, rows.map((row) => s("line", { x1: at(row)[0], x2: at(row)[0], y1: chart.y(row.ci95[0]), y2: chart.y(row.ci95[1]) }))),
    s("g", null, rows.map((row) => s("circle", { class: row.pareto ? "point best" : "point", cx: at(row)[0], cy: at(row)[1], r: 5.5 },
      s("title", null, `${isolated(row.net)}: ${percent(row.top1_error, words)} (${interval(row.ci95, words)}), ${milliseconds(row.latency_ms.median, words)}`)))),
    s("g", { class: "names" }, placed(rows, at, chart)));
  element.append(h("h2", null, w.title), h("p", { class: "lead" }, w.lead),
    h("figure", { class: "chartbox wide" }, h("p", { class: "axisname" }, w.error), chart.svg, alternative(rows, [
      { key: "net", label: words.ranking.net, header: true, cell: (row) => row.net, sort: (row) => row.net },
      { key: "error", label: words.ranking.error, numeric: true, cell: (row) => percent(row.top1_error, words), sort: (row) => row.top1_error },
      { key: "ci", label: words.classes.interval, whole: true, cell: (row) => interval(row.ci95, words) },
      { key: "ms", label: words.ranking.latency, numeric: true, cell: (row) => milliseconds(row.latency_ms.median, words), sort: (row) => row.latency_ms.median },
    ], words, w.title)), h("p", { class: "note" }, fill(w.note, { cpu: isolated(data.cpu) })));
}

function decades(low, high) {
  const out = [];
  for (let power = Math.floor(low); power <= high; power += 1) for (const one of [1, 2, 5]) out.push(power + Math.log10(one));
  const shown = out.filter((v) => v >= low && v <= high);
  return shown.length > 9 ? shown.filter((v) => Math.abs(v - Math.round(v)) < 1e-9) : shown;
}

function steps(points) {
  return points.map(([x, y], i) => (i ? `L${x.toFixed(1)} ${points[i - 1][1].toFixed(1)}L${x.toFixed(1)} ${y.toFixed(1)}` : `M${x.toFixed(1)} ${y.toFixed(1)}`)).join("");
}

// Names beside their points: the first of eight places that covers no other name or point.
function placed(rows, at, chart) {
  const taken = rows.map((row) => { const [x, y] = at(row); return [x - 6, y - 6, x + 6, y + 6]; });
  for (const row of rows) taken.push([at(row)[0] - 2, chart.y(row.ci95[1]), at(row)[0] + 2, chart.y(row.ci95[0])]);
  const front = rows.filter((row) => row.pareto).map(at).sort((a, b) => a[0] - b[0]);
  for (let i = 1; i < front.length; i += 1) taken.push([front[i - 1][0], front[i - 1][1] - 1, front[i][0], front[i - 1][1] + 1]);
  return rows.map((row) => {
    const [x, y] = at(row), text = row.net.length > 24 ? `${row.net.slice(0, 23)}…` : row.net, wide = 6.6 * text.length;
    const places = [[10, 4, "start"], [-10, 4, "end"], [10, -9, "start"], [-10, -9, "end"], [10, 17, "start"], [-10, 17, "end"], [10, -22, "start"], [10, 30, "start"]];
    const boxes = places.map(([dx, dy, anchor]) => [anchor === "start" ? x + dx : x + dx - wide, y + dy - 11, anchor === "start" ? x + dx + wide : x + dx, y + dy + 3]);
    const free = boxes.findIndex((box) => box[0] > chart.left && box[2] < chart.right && box[1] > chart.top && box[3] < chart.bottom && !taken.some((one) => one[0] < box[2] && box[0] < one[2] && one[1] < box[3] && box[1] < one[3]));
    const k = Math.max(0, free);
    taken.push(boxes[k]);
    return s("text", { x: x + places[k][0], y: y + places[k][1], "text-anchor": places[k][2], class: row.pareto ? "best" : null }, text);
  });
}
