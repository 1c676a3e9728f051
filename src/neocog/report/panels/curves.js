// How the training went: error, loss and rate over the epochs.

import { fill, h, name, number, percent } from "./dom.js";
import { digits as places, lines, range } from "./chart.js";
import { alternative } from "./table.js";

export function render(element, data, words) {
  const w = words.curves, per = data.steps_per_epoch || 0;
  const unit = per ? { label: w.epoch, of: (step) => step / per } : { label: w.step, of: (step) => step };
  const end = unit.of(data.steps), digits = end < 10 ? 2 : end < 100 ? 1 : 0;
  const x = { from: 0, to: end, label: unit.label, format: (v) => number(v, words, Number.isInteger(v) ? 0 : digits), tick: (v) => number(v, words, places(0, end, 5)) };
  const axis = (from, to) => ({ from, to, format: (v) => number(v, words, places(from, to, 4)) });
  const moved = (points) => points.map(([a, b]) => [unit.of(a), b]);
  const values = (...lists) => lists.flat().map(([, b]) => b);
  element.append(h("h2", null, w.title));
  if (data.best) element.append(h("p", { class: "lead" }, fill(w.best, { error: percent(data.best.error, words), x: x.format(unit.of(data.best.step)), unit: unit.label, n: number(data.n_validation, words) })));
  const mark = data.best ? [{ x: unit.of(data.best.step), name: w.kept }] : [];

  function chart(title, series, y, about, marks = [], size = {}) {
    const shown = series.filter((one) => one.points.length > 1);
    if (!shown.length) return null;
    const rows = shown.flatMap((one) => one.points.map(([a, b]) => ({ series: one.name, a, b })));
    return h("figure", { class: "chartbox" }, h("h3", null, title),
      lines({ series: shown, x, y, label: title, description: about, marks, readout: fill(w.readout, { what: title }), ...size }),
      alternative(rows, [
        { key: "series", label: w.line, cell: (row) => row.series, sort: (row) => row.series },
        { key: "a", label: unit.label, numeric: true, cell: (row) => x.format(row.a), sort: (row) => row.a },
        { key: "b", label: title, numeric: true, cell: (row) => y.exact(row.b), sort: (row) => row.b },
      ], words, title));
  }

  const last = (points) => (points.length ? points[points.length - 1][1] : null);
  const [errorFrom, errorTo] = range(values(data.train_error, data.validation_error), { most: 100 });
  const [lossFrom, lossTo] = range(values(data.loss, data.validation_loss));
  const [rateFrom, rateTo] = range(values(data.rate));
  const exact = (digits) => (v) => number(v, words, digits);
  element.append(h("div", { class: "pair" },
    chart(w.error, [
      { name: w.trainError, style: "one", points: moved(data.train_error), format: (v) => percent(v, words) },
      { name: w.validationError, style: "two", points: moved(data.validation_error), format: (v) => percent(v, words) },
    ], { ...axis(errorFrom, errorTo), exact: exact(2) }, fill(w.errorAbout, { end: percent(last(data.validation_error) ?? last(data.train_error), words) }), mark),
    chart(w.loss, [
      { name: w.trainLoss, style: "one", points: moved(data.loss), format: exact(4) },
      { name: w.validationLoss, style: "two", points: moved(data.validation_loss), format: exact(4) },
    ], { ...axis(lossFrom, lossTo), exact: exact(4) }, fill(w.lossAbout, { end: number(last(data.validation_loss) ?? last(data.loss), words, 4) }), mark),
    chart(w.rate, [{ name: w.rate, style: "three", points: moved(data.rate), format: exact(5) }],
      { ...axis(rateFrom, rateTo), exact: exact(6) }, fill(w.rateAbout, { most: number(Math.max(0, ...values(data.rate)), words, 4) }), [], { width: 920, height: 190 })));
  if (data.happened.length) {
    element.append(h("h3", null, w.happened), h("ul", null, data.happened.map((one) => h("li", null, fill(w.at, { step: number(one.step, words), what: w.events[one.event] }), one.words ? h("span", { lang: "en" }, " · ", name(one.words)) : null))));
  }
  element.append(h("p", { class: "note" }, w.note));
}
