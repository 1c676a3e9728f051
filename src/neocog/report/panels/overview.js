// A bake-off in two sentences.

import { fill, fillNodes, h, interval, name, number, percent } from "./dom.js";

export function render(element, data, words) {
  const w = words.overview;
  element.append(h("p", { class: "eyebrow" }, fillNodes(w.eyebrow, { folder: name(data.folder) })),
    h("h1", null, fillNodes(w.title, { data: h("span", { class: "net" }, name(data.data)) })),
    h("p", { class: "recommendation" }, told(data.recommendation[words.code] ?? data.recommendation.en)));
  const facts = [
    [w.nets, number(data.nets, words)], [w.seeds, number(data.seeds, words)], [w.length, words.code === "zh" ? data.length_zh : h("span", { lang: "en" }, data.length)],
    [words.headline.training, data.counts.train ? number(data.counts.train, words) : null], [words.headline.validation, data.counts.val ? number(data.counts.val, words) : null], [words.headline.test, data.counts.test ? number(data.counts.test, words) : null], [words.headline.classes, number(data.classes, words)],
    [w.majority, percent(data.majority_error, words)], [w.protocol, h("code", null, name(data.protocol))],
  ];
  if (data.best) facts.unshift([w.best, percent(data.best.top1_error, words)], [words.classes.interval, interval(data.best.ci95, words)]);
  element.append(h("dl", { class: "facts" }, facts.filter(([, value]) => value !== null).map(([key, value]) => h("div", null, h("dt", null, key), h("dd", null, value)))));
  for (const one of data.failed) element.append(h("p", { class: "warning" }, fillNodes(w.failed, { net: name(one.net) }), " ", h("span", { lang: "en" }, name(one.error))));
  if (data.counts.test < 100) element.append(h("p", { class: "warning" }, fill(words.headline.few, { n: data.counts.test })));
}

// `commands` as code; "11.90 %" is not broken.
function told(text) {
  return text.replaceAll(" %", "\u202f%").split("`").map((part, i) => (i % 2 ? h("code", null, part) : part));
}
