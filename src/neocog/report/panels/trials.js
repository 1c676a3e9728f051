// Each training's own panels, made when they are opened.

import { render as calibration } from "./calibration.js";
import { render as classes } from "./classes.js";
import { render as confusion } from "./confusion.js";
import { render as curves } from "./curves.js";
import { fill, fillNodes, h, interval, name, percent } from "./dom.js";

const PANELS = { curves, confusion, classes, calibration };

export function render(element, data, words) {
  const w = words.trials;
  element.append(h("h2", null, w.title), h("p", { class: "lead" }, w.lead));
  for (const row of data.rows) {
    const inside = h("div", { class: "inside" });
    const details = h("details", { class: "trial" }, h("summary", null, fillNodes(w.summary, { net: h("b", null, name(row.net)), seed: String(row.seed), error: percent(row.result.top1_error, words) }), " ", h("small", null, fill(w.interval, { interval: interval(row.result.ci95, words) }))), inside);
    details.addEventListener("toggle", () => {
      if (!details.open || inside.children.length) return;
      for (const [panel, own] of Object.entries(row.panels)) {
        const part = h("div", { class: `part ${panel}` });
        PANELS[panel](part, { classes: data.classes, pictures: data.pictures, rows: row.rows, ...own }, words);
        inside.append(part);
      }
    });
    element.append(details);
  }
}
