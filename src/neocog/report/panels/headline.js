// What was trained on what, and what came out.

import { duration, fill, fillNodes, h, interval, large, name, number, percent, s } from "./dom.js";

export function render(element, data, words) {
  const w = words.headline, test = data.result;
  const title = h("h1", null, fillNodes(data.kind === "imported" ? w.imported : w.title, { net: h("span", { class: "net" }, name(data.net)), data: name(data.data) }));
  const parts = [h("p", { class: "eyebrow" }, fillNodes(w.eyebrow, { run: name(data.run) })), title];
  if (test) {
    const what = { test: w.testError, val: w.validationError, other: w.otherError }[data.split];
    parts.push(h("div", { class: "result" },
      h("p", { class: "figure" }, h("span", { class: "what" }, what), h("strong", null, percent(test.top1_error, words))),
      h("div", { class: "reading" }, errorBar(test, words),
        h("p", null, fillNodes(w.reading, { wrong: number(test.wrong, words), n: number(test.n, words), interval: interval(test.ci95, words), protocol: h("code", null, name(test.protocol)) })),
        h("p", null, fill(test.majority_error === 0 ? w.oneClass : test.top1_error < test.majority_error ? w.majority : w.noBetter, { majority: percent(test.majority_error, words) })),
        data.split === "val" ? h("p", { class: "warning" }, w.flatters) : null,
        test.n < 100 ? h("p", { class: "warning" }, fill(w.few, { n: test.n })) : null)));
  } else {
    parts.push(h("p", { class: "warning" }, w.noTest));
  }
  if (!data.finished) parts.push(h("p", { class: "warning" }, w.unfinished));
  const facts = [
    [w.training, data.counts.train ? number(data.counts.train, words) : null], [w.validation, data.counts.val ? number(data.counts.val, words) : null], [w.test, data.counts.test ? number(data.counts.test, words) : null],
    [w.classes, number(data.classes, words)],
    [w.top5, test && test.top5_error !== null ? percent(test.top5_error, words) : null],
    [w.parameters, large(data.params, words)], [w.macs, large(data.macs, words)],
    [w.steps, data.steps ? number(data.steps, words) : null],
    [w.took, data.seconds === null ? null : duration(data.seconds, words)], [w.seed, data.kind === "imported" ? null : String(data.seed)],
  ];
  parts.push(h("dl", { class: "facts" }, facts.filter(([, value]) => value !== null && value !== "–").map(([key, value]) => h("div", null, h("dt", null, key), h("dd", null, value)))));
  element.append(...parts);
}

// Error with its interval on a line from 0 to what guessing gives.
function errorBar(test, words) {
  const most = Math.max(test.majority_error, test.ci95[1], 1), width = 480, x = (v) => 8 + (v / most) * (width - 16);
  const label = fill(words.headline.bar, { error: percent(test.top1_error, words), interval: interval(test.ci95, words), majority: percent(test.majority_error, words) });
  return s("svg", { class: "errorbar", viewBox: `0 0 ${width} 44`, role: "img", "aria-label": label },
    s("line", { class: "track", x1: x(0), x2: x(most), y1: 16, y2: 16 }),
    test.majority_error > 0 && s("line", { class: "worst", x1: x(test.majority_error), x2: x(test.majority_error), y1: 7, y2: 25 }),
    s("line", { class: "extent", x1: x(test.ci95[0]), x2: Math.max(x(test.ci95[1]), x(test.ci95[0]) + 1.5), y1: 16, y2: 16 }),
    s("circle", { class: "here", cx: x(test.top1_error), cy: 16, r: 5.5 }),
    s("text", { x: x(0), y: 40 }, "0"),
    s("text", { x: x(most), y: 40, "text-anchor": "end" }, most === test.majority_error ? words.headline.guessing : percent(most, words, 1)));
}
