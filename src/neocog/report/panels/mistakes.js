// The mistakes it was surest of: where labels are wrong, classes overlap, or something was never learned.

import { fill, h, number } from "./dom.js";
import { grid } from "./gallery.js";

const FIRST = 12;

export function render(element, data, words) {
  const w = words.mistakes;
  element.append(h("h2", null, w.title));
  if (!data.surest.length) {
    element.append(h("p", { class: "lead" }, w.none));
    return;
  }
  element.append(h("p", { class: "lead" }, fill(w.lead, { wrong: number(data.wrong, words), n: number(data.n, words) })));
  element.append(grid(data.surest.slice(0, FIRST), data, words));
  if (data.surest.length > FIRST) {
    const more = h("button", { type: "button", class: "quiet", onclick: () => {
      const added = grid(data.surest.slice(FIRST), data, words);
      more.replaceWith(added);
      added.tabIndex = -1;
      added.focus();
    } }, fill(w.more, { n: data.surest.length - FIRST }));
    element.append(more);
  }
  element.append(h("p", { class: "note" }, w.note));
}
