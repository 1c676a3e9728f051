// Pictures on which the networks disagree: what the choice between them depends on.

import { chance, h, isolated, name } from "./dom.js";
import { sharpen } from "./gallery.js";

const FIRST = 12;

export function render(element, data, words) {
  const w = words.disagreements;
  const figure = (row) => {
    const uri = data.pictures[row.i], file = data.names[row.i];
    return h("figure", { class: "picture asked" },
      Object.keys(data.pictures).length > 0 && h("div", { class: "plate" }, uri ? h("img", { src: uri, alt: `${isolated(data.classes[row.own])}: ${isolated(file)}`, decoding: "async", class: "sharp" }) : h("span", { class: "absent" }, words.gallery.absent)),
      h("figcaption", null, h("span", null, h("b", null, name(data.classes[row.own]))),
        h("ul", null, row.said.map(([taken, p], k) => h("li", { class: taken === row.own ? "yes" : "no" },
          h("span", { class: "who", title: data.nets[k] }, name(data.nets[k])), " ", h("span", null, h("span", { "aria-hidden": "true" }, taken === row.own ? "✓ " : "✗ "), name(data.classes[taken]), " ", h("small", null, chance(p, words)))))),
        h("span", { class: "file", title: file }, name(file.split("/").pop()))));
  };
  const grid = (rows) => {
    const made = h("div", { class: "pictures broad" }, rows.map(figure));
    sharpen(made);
    return made;
  };
  element.append(h("h2", null, w.title), h("p", { class: "lead" }, w.lead), grid(data.rows.slice(0, FIRST)));
  if (data.rows.length > FIRST) {
    const more = h("button", { type: "button", class: "quiet", onclick: () => {
      const added = grid(data.rows.slice(FIRST));
      more.replaceWith(added);
      added.tabIndex = -1;
      added.focus();
    } }, words.mistakes.more.replace("{n}", String(data.rows.length - FIRST)));
    element.append(more);
  }
}
