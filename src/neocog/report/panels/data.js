// What it learned from: counts, fingerprint, what the doctor says, what was left out.

import { fill, h, name, number } from "./dom.js";
import { table } from "./table.js";

export function render(element, data, words) {
  const w = words.data;
  element.append(h("h2", null, w.title));
  element.append(h("dl", { class: "facts" }, [
    [w.source, h("code", null, name(data.spec))],
    [words.headline.training, data.counts.train ? number(data.counts.train, words) : null], [words.headline.validation, data.counts.val ? number(data.counts.val, words) : null], [words.headline.test, data.counts.test ? number(data.counts.test, words) : null],
    [words.headline.classes, number(data.classes, words)], [w.splitSeed, String(data.split_seed)],
  ].filter(([, value]) => value !== null).map(([key, value]) => h("div", null, h("dt", null, key), h("dd", null, value)))));
  if (data.fingerprint) element.append(h("p", { class: "fingerprint" }, `${w.fingerprint} `, h("code", null, data.fingerprint)));
  const lines = (list) => h("ul", { lang: "en" }, list.map((line) => h("li", null, name(line))));
  if (data.notes.length) element.append(h("h3", null, w.notes), lines(data.notes));
  if (data.doctor.length) element.append(h("h3", null, w.doctor), h("ul", { lang: "en", class: "findings" }, data.doctor.map((one) => h("li", { class: one.severity }, name(one.words)))));
  if (data.n_left_out) {
    element.append(h("h3", null, fill(w.leftOut, { n: number(data.n_left_out, words) })), table(data.left_out, [
      { key: "file", label: w.file, header: true, cell: ([file]) => name(file), sort: ([file]) => file },
      { key: "why", label: w.why, cell: ([, why]) => h("span", { lang: "en" }, name(why)), sort: ([, why]) => why },
    ], words, { caption: fill(w.leftOut, { n: number(data.n_left_out, words) }), quietCaption: true }));
  }
  element.append(h("p", { class: "note" }, w.note));
}
