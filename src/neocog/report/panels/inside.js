// Where the surest mistakes were read from: the picture, and over it what spoke for either class.

import { fill, fillNodes, h, isolated, name } from "./dom.js";

export function render(element, data, words) {
  const w = words.inside;
  element.append(h("h2", null, w.title));
  element.append(h("p", { class: "lead" }, fill(w.lead, { method: data.method, paper: data.paper })));
  const figures = data.rows.map((row) => {
    const [file, own, taken] = data.rowsOf[row.i];
    const part = (uri, text, alt) => h("figure", { class: "picture" }, h("div", { class: "plate" }, h("img", { src: uri, alt, decoding: "async" })), h("figcaption", null, text));
    return h("div", { class: "triple", role: "group", "aria-label": isolated(file) },
      part(row.plain, h("span", { class: "file", title: file }, name(file.split("/").pop())), `${isolated(data.classes[own])}: ${isolated(file)}`),
      part(row.taken, h("span", null, fillNodes(w.taken, { name: h("b", null, name(data.classes[taken])) })), fill(w.alt, { name: data.classes[taken] })),
      part(row.own, h("span", null, fillNodes(w.own, { name: h("b", null, name(data.classes[own])) })), fill(w.alt, { name: data.classes[own] })));
  });
  element.append(h("div", { class: "triples" }, figures));
  const where = data.layer ? fill(w.layer, { layer: data.layer }) + " " : "";
  element.append(h("p", { class: "note" }, where + (data.signed ? w.signed : w.unsigned) + " " + w.care));
}
