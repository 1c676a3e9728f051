// Charts as SVG: axes, lines, bands, points; a readout that pointer, finger and keyboard move.

import { freshId, h, s } from "./dom.js";

// Round steps that divide [low, high] into about `count` parts.
export function ticks(low, high, count = 5) {
  const raw = (high - low) / Math.max(1, count);
  if (!(raw > 0)) return [low];
  const power = 10 ** Math.floor(Math.log10(raw));
  const step = power * [1, 2, 2.5, 5, 10].find((one) => one * power >= raw * 0.999);
  const out = [];
  for (let i = Math.ceil(low / step - 1e-9); i * step <= high + step * 1e-9; i += 1) out.push(i * step);
  return out;
}

// Digits behind the point that tell the ticks of a range apart.
export function digits(low, high, count = 5) {
  const steps = ticks(low, high, count);
  const step = steps.length > 1 ? steps[1] - steps[0] : 1;
  for (let places = 0; places < 8; places += 1) if (Math.abs(step * 10 ** places - Math.round(step * 10 ** places)) < 1e-6) return places;
  return 8;
}

// A straight scale: value → pixels.
export function scale(from, to, start, end) {
  const span = to - from || 1;
  return (value) => start + ((value - from) / span) * (end - start);
}

export function path(points, x, y) {
  let pen = "M";
  return points.map(([a, b]) => {
    if (b === null) { pen = "M"; return ""; }
    const part = `${pen}${x(a).toFixed(1)} ${y(b).toFixed(1)}`;
    pen = "L";
    return part;
  }).join("");
}

// A chart's width: on a phone no wider than it, so that its letters stay as large as they are.
function fitting(width) {
  return Math.min(width, Math.max(320, document.documentElement.clientWidth - 32));
}

// The frame of a chart. x, y: {from, to, label, format, ticks?}. Returns {svg, x, y, plot, left, …}: draw into `plot`.
export function frame({ width = 440, height = 260, x, y, label, description, left = 46, right = 12, top = 12, bottom = 40, square = false }) {
  const title = freshId("t"), about = freshId("d");
  width = fitting(width);
  const toX = scale(x.from, x.to, left, width - right), toY = scale(y.from, y.to, height - bottom, top);
  const plot = s("g");
  const across = (x.ticks ?? ticks(x.from, x.to, square ? 4 : 5)), up = (y.ticks ?? ticks(y.from, y.to, 4));
  const svg = s("svg", { viewBox: `0 0 ${width} ${height}`, class: "chart", role: "img", "aria-labelledby": `${title} ${about}` },
    s("title", { id: title }, label), s("desc", { id: about }, description),
    s("g", { class: "grid" }, up.map((v) => s("line", { x1: left, x2: width - right, y1: toY(v), y2: toY(v) }))),
    s("g", { class: "axis" },
      up.map((v) => s("text", { x: left - 8, y: toY(v) + 4, "text-anchor": "end" }, y.format(v))),
      across.map((v) => s("text", { x: toX(v), y: height - bottom + 18, "text-anchor": "middle" }, (x.tick ?? x.format)(v))),
      s("line", { x1: left, x2: width - right, y1: height - bottom, y2: height - bottom }),
      s("text", { class: "label", x: (left + width - right) / 2, y: height - 5, "text-anchor": "middle" }, x.label)),
    plot);
  return { svg, x: toX, y: toY, plot, left, right: width - right, top, bottom: height - bottom, width, height };
}

// series: [{name, style, points: [[x, y], …], format, quiet?}]. A range under the chart moves the readout; it is a real slider, so
// arrows, Home and End work, and what it points at is spoken.
export function lines({ series, x, y, label, description, marks = [], height, width, readout }) {
  const shown = series.filter((one) => one.points.length);
  const chart = frame({ x, y, label, description, height, width });
  for (const mark of marks) {
    chart.plot.append(s("line", { class: "mark", x1: chart.x(mark.x), x2: chart.x(mark.x), y1: chart.top, y2: chart.bottom }));
    if (mark.name) chart.plot.append(s("text", { class: "mark", x: chart.x(mark.x) - 6, y: chart.top + 10, "text-anchor": "end" }, mark.name));
  }
  for (const one of shown) {
    chart.plot.append(s("path", { class: `line ${one.style}`, d: path(one.points, chart.x, chart.y) }));
    if (one.points.length < 40) chart.plot.append(s("g", { class: `dots ${one.style}` },
      one.points.map(([a, b]) => s("circle", { cx: chart.x(a), cy: chart.y(b), r: 2.4 }))));
  }
  const rule = s("line", { class: "rule", y1: chart.top, y2: chart.bottom, x1: 0, x2: 0, visibility: "hidden" });
  const dots = shown.map((one) => s("circle", { class: `spot ${one.style}`, r: 4, visibility: "hidden" }));
  chart.plot.append(rule, ...dots);
  const places = [...new Set(shown.flatMap((one) => one.points.map(([a]) => a)))].sort((a, b) => a - b);
  const values = shown.map((one) => h("dd", null, "–"));
  const where = h("dd", null, "–");
  const key = h("dl", { class: "readout" },
    h("div", null, h("dt", null, x.label), where),
    shown.map((one, i) => h("div", null, h("dt", { class: one.style }, one.name), values[i])));
  const slider = h("input", { type: "range", class: "cursor", min: 0, max: Math.max(0, places.length - 1), value: places.length - 1, "aria-label": readout });

  function nearest(points, at) {
    let best = points[0];
    for (const point of points) if (Math.abs(point[0] - at) <= Math.abs(best[0] - at)) best = point;
    return best;
  }

  function show(index) {
    const at = places[index];
    if (at === undefined) return;
    rule.setAttribute("visibility", "visible");
    rule.setAttribute("x1", chart.x(at));
    rule.setAttribute("x2", chart.x(at));
    const spoken = [`${x.label} ${x.format(at)}`];
    where.textContent = x.format(at);
    shown.forEach((one, i) => {
      const [a, b] = nearest(one.points, at);
      values[i].textContent = one.format(b);
      dots[i].setAttribute("visibility", "visible");
      dots[i].setAttribute("cx", chart.x(a));
      dots[i].setAttribute("cy", chart.y(b));
      spoken.push(`${one.name} ${one.format(b)}`);
    });
    slider.setAttribute("aria-valuetext", spoken.join(", "));
  }

  function follow(event) {
    const box = chart.svg.getBoundingClientRect();
    const at = ((event.clientX - box.left) / box.width) * chart.width;
    let best = 0;
    places.forEach((place, i) => { if (Math.abs(chart.x(place) - at) < Math.abs(chart.x(places[best]) - at)) best = i; });
    slider.value = best;
    show(best);
  }
  slider.addEventListener("input", () => show(Number(slider.value)));
  chart.svg.addEventListener("pointermove", follow);
  chart.svg.addEventListener("pointerdown", follow);
  show(places.length - 1);
  return h("div", { class: "lines" }, key, chart.svg, slider);
}

// The smallest round range that holds the values, from 0 where that is near.
export function range(values, { zero = true, most = Infinity } = {}) {
  const real = values.filter((v) => v !== null && Number.isFinite(v));
  if (!real.length) return [0, 1];
  const high = Math.min(most, Math.max(...real)), low = Math.min(...real);
  const from = zero && low >= 0 ? 0 : low;
  const steps = ticks(from, high, 4);
  const step = steps.length > 1 ? steps[1] - steps[0] : high - from || 1;
  return [Math.floor(from / step + 1e-9) * step, Math.min(most, Math.ceil(high / step - 1e-9) * step || 1)];
}
