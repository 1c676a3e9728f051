// Whether its probabilities can be believed, and what is gained by answering only when sure.

import { fill, h, interval, number, percent, s } from "./dom.js";
import { digits, frame, lines, range } from "./chart.js";
import { alternative } from "./table.js";

export function render(element, data, words) {
  const w = words.calibration;
  const gap = data.confidence - data.accuracy;
  element.append(h("h2", null, w.title),
    h("p", { class: "lead" }, fill(Math.abs(gap) < 0.5 ? w.even : gap > 0 ? w.over : w.under, { confidence: percent(data.confidence, words, 1), accuracy: percent(data.accuracy, words, 1), ece: number(data.ece, words, 2), bins: data.bins.length, n: number(data.n, words) })));
  element.append(h("div", { class: "pair" }, reliability(data, words), coverage(data, words)));
  element.append(h("dl", { class: "facts" }, [
    [w.ece, number(data.ece, words, 2)], [w.eceMass, number(data.ece_mass, words, 2)], [w.brier, number(data.brier, words, 4)], [w.nll, number(data.nll, words, 4)], [w.area, percent(data.area, words)],
  ].map(([key, value]) => h("div", null, h("dt", null, key), h("dd", null, value)))));
  element.append(h("p", { class: "note" }, w.note));
}

function reliability(data, words) {
  const w = words.calibration, bins = data.bins.filter((one) => one.n);
  const axis = (label) => ({ from: 0, to: 100, label, format: (v) => number(v, words) });
  const about = bins.map((one) => `${percent(one.confidence, words, 0)} → ${percent(one.accuracy, words, 0)}`).join("; ");
  const chart = frame({ width: 440, height: 352, square: true, x: axis(w.confidence), y: axis(""), label: w.reliability, description: about });
  const most = Math.max(1, ...bins.map((one) => one.n));
  chart.plot.append(
    s("line", { class: "diagonal", x1: chart.x(0), y1: chart.y(0), x2: chart.x(100), y2: chart.y(100) }),
    s("g", { class: "histogram" }, bins.map((one) => {
      const tall = (one.n / most) * 46;
      return s("rect", { x: chart.x(one.low) + 1, width: Math.max(1, chart.x(one.high) - chart.x(one.low) - 2), y: chart.y(0) - tall, height: tall });
    })),
    s("g", { class: "whiskers" }, bins.map((one) => s("line", { x1: chart.x(one.confidence), x2: chart.x(one.confidence), y1: chart.y(one.ci95[0]), y2: chart.y(one.ci95[1]) }))),
    s("path", { class: "line one", d: bins.map((one, i) => `${i ? "L" : "M"}${chart.x(one.confidence).toFixed(1)} ${chart.y(one.accuracy).toFixed(1)}`).join("") }),
    s("g", { class: "dots one" }, bins.map((one) => s("circle", { cx: chart.x(one.confidence), cy: chart.y(one.accuracy), r: 3.5 },
      s("title", null, fill(w.bin, { n: number(one.n, words), confidence: percent(one.confidence, words, 1), accuracy: percent(one.accuracy, words, 1) }))))),
    s("text", { class: "mark", x: chart.x(24), y: chart.y(27), transform: `rotate(${(-Math.atan2(chart.y(0) - chart.y(100), chart.x(100) - chart.x(0)) * 180) / Math.PI} ${chart.x(24)} ${chart.y(27)})` }, w.diagonal));
  return h("figure", { class: "chartbox" }, h("h3", null, w.reliability), chart.svg,
    alternative(bins, [
      { key: "low", label: w.range, header: true, cell: (one) => `${number(one.low, words, 0)}–${number(one.high, words, 0)}\u202f%`, sort: (one) => one.low },
      { key: "n", label: words.classes.n, numeric: true, cell: (one) => number(one.n, words), sort: (one) => one.n },
      { key: "c", label: w.confidence, numeric: true, cell: (one) => percent(one.confidence, words, 1), sort: (one) => one.confidence },
      { key: "a", label: w.accuracy, numeric: true, cell: (one) => percent(one.accuracy, words, 1), sort: (one) => one.accuracy },
      { key: "i", label: words.classes.interval, whole: true, cell: (one) => interval(one.ci95, words, 1) },
    ], words, w.reliability));
}

function coverage(data, words) {
  const w = words.calibration, points = data.curve.map(([share, error]) => [share, error]);
  const sure = new Map(data.curve.map(([share, , threshold]) => [share, threshold]));
  const [from, to] = range(points.map(([, error]) => error));
  const exact = (v) => percent(v, words, 1);
  return h("figure", { class: "chartbox" }, h("h3", null, w.selective),
    lines({
      series: [{ name: w.errorAmong, style: "one", points, format: (v) => percent(v, words) }],
      x: { from: 0, to: 100, label: w.coverage, format: (v) => number(v, words, v % 1 ? 1 : 0) }, y: { from, to, format: (v) => number(v, words, digits(from, to, 4)) },
      label: w.selective, description: fill(w.selectiveAbout, { half: exact(nearest(points, 50)), all: exact(points[points.length - 1]?.[1]) }), height: 317, readout: fill(words.curves.readout, { what: w.selective }),
    }),
    alternative(points.map(([share, error]) => ({ share, error, threshold: sure.get(share) })), [
      { key: "share", label: w.coverage, header: true, numeric: true, cell: (one) => exact(one.share), sort: (one) => one.share },
      { key: "error", label: w.errorAmong, numeric: true, cell: (one) => percent(one.error, words), sort: (one) => one.error },
      { key: "threshold", label: w.threshold, numeric: true, cell: (one) => exact(one.threshold), sort: (one) => one.threshold },
    ], words, w.selective));
}

function nearest(points, at) {
  return points.reduce((a, b) => (Math.abs(b[0] - at) < Math.abs(a[0] - at) ? b : a), points[0])?.[1];
}
