// The network: its drawing and its layer table.

import { fill, fillNodes, h, large, name, number } from "./dom.js";
import { table } from "./table.js";

export function render(element, data, words) {
  const w = words.network, times = (shape) => shape.join("×");
  element.append(h("h2", null, w.title), h("p", { class: "lead" }, fill(w.lead, { input: times(data.input), params: number(data.params, words), macs: large(data.macs, words), field: times(data.receptive_field) })));
  if (data.card) element.append(h("p", null, fillNodes(w.card, { title: h("cite", null, name(data.card.paper)), authors: name(data.card.authors), venue: name(data.card.venue), year: String(data.card.year) })));
  if (data.svg) element.append(drawing(data, words));
  const square = (pair) => (pair === null ? "–" : pair[0] === pair[1] ? String(pair[0]) : times(pair));
  const count = (value, row) => (value ? `${row.times > 1 ? `${row.times}\u202f×\u202f` : ""}${number(value, words)}` : "–");
  element.append(table(data.rows, [
    { key: "path", label: w.layer, header: true, cell: (row) => h("code", null, row.times > 1 ? "… " : "", row.path, row.aux ? ` (${w.aux})` : "") },
    { key: "what", label: w.what, cell: (row) => row.what },
    { key: "output", label: w.output, cell: (row) => h("span", { class: "shape" }, times(row.output)) },
    { key: "params", label: w.params, numeric: true, cell: (row) => count(row.params, row) },
    { key: "macs", label: w.macs, numeric: true, cell: (row) => count(row.macs, row) },
    { key: "field", label: w.field, title: w.fieldTitle, numeric: true, cell: (row) => (row.field ? `${square(row.field)} / ${square(row.stride)}` : "–") },
  ], words, { class: "layers", caption: fill(w.caption, { params: number(data.params, words), macs: number(data.macs, words) }), search: (row) => `${row.path} ${row.what}` }));
}

// In a shadow tree its ids and its style are its own; its style is applied through the object model, which the page's policy allows.
function drawing(data, words) {
  const parsed = new DOMParser().parseFromString(data.svg, "image/svg+xml").documentElement;
  if (parsed.nodeName !== "svg") return h("p", { class: "note" }, words.network.noDrawing);
  const sheet = new CSSStyleSheet();
  sheet.replaceSync(`svg{display:block;max-width:100%;height:auto;margin:auto}${data.css}`);
  const tall = parsed.getAttribute("height") > 900;
  const host = h("div", { class: "drawing" });
  const shadow = host.attachShadow({ mode: "open" });
  shadow.adoptedStyleSheets = [sheet];
  shadow.append(document.importNode(parsed, true));
  const box = h("div", { class: "scroll drawn", tabindex: "0", role: "group", "aria-label": words.network.drawing }, host);
  return tall ? h("details", { class: "alternative" }, h("summary", null, words.network.drawing), box) : box;
}
