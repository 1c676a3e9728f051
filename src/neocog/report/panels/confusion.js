// What is taken for what: a matrix with the pictures behind each cell; of many classes, a list of pairs and a map.

import { fill, fillNodes, h, isolated, name, number, percent } from "./dom.js";
import { dialog, grid } from "./gallery.js";
import { map } from "./map.js";
import { table } from "./table.js";

const MOST = 40; // classes that a table of cells can show
const FEW = 5; // classes up to which its cells are large and tell their share
const PAIRS = 400;

export function render(element, data, words) {
  const w = words.confusion;
  const behind = new Map(data.behind.map(([own, taken, indices]) => [`${own} ${taken}`, indices]));
  const counts = new Map(data.cells.map(([own, taken, n]) => [`${own} ${taken}`, n]));
  const pairs = data.cells.filter(([own, taken]) => own !== taken).sort((a, b) => b[2] - a[2]);

  function open(own, taken) {
    const n = counts.get(`${own} ${taken}`) ?? 0, indices = behind.get(`${own} ${taken}`) ?? [];
    const title = h("span", null, fillNodes(own === taken ? w.rightOnes : w.cell, { own: name(data.classes[own]), taken: name(data.classes[taken]) }));
    const told = fill(w.count, { n: number(n, words), total: number(data.totals[own], words), share: percent((100 * n) / data.totals[own], words, 1) });
    dialog(title, [h("p", null, told), indices.length < n ? h("p", { class: "note" }, fill(w.some, { shown: indices.length, n: number(n, words) })) : null, grid(indices, data, words)], words);
  }

  element.append(h("h2", null, w.title));
  if (!pairs.length) {
    element.append(h("p", { class: "lead" }, w.none));
  } else {
    const [own, taken, n] = pairs[0];
    element.append(h("p", { class: "lead" }, fillNodes(w.most, { own: h("b", null, name(data.classes[own])), taken: h("b", null, name(data.classes[taken])), n: number(n, words), total: number(data.totals[own], words) })));
  }
  if (data.classes.length <= MOST) element.append(matrix(data, counts, open, words));
  else element.append(h("div", { class: "many" }, pairList(data, pairs, open, words), map(data, counts, open, words)));
}

// Shade of a cell, 0 … 9, by the share of its row; the root brings out the rare mistakes.
export function shade(n, total) {
  return n ? Math.max(1, Math.round(9 * Math.sqrt(n / total))) : 0;
}

function matrix(data, counts, open, words) {
  const w = words.confusion, size = data.classes.length, few = size <= FEW, cells = [];
  const rows = data.classes.map((own, i) => h("tr", null, h("th", { scope: "row", title: isolated(own) }, h("span", null, name(own))),
    data.classes.map((taken, j) => {
      const n = counts.get(`${i} ${j}`) ?? 0, shaded = `cell h${shade(n, data.totals[i])}${i === j ? " own" : ""}`;
      if (!n) return h("td", { class: shaded }, h("span", { class: "nothing", "aria-hidden": "true" }, "·"));
      const label = fill(w.cellLabel, { own: isolated(own), taken: isolated(taken), n: number(n, words) });
      const button = h("button", { type: "button", tabindex: "-1", "aria-label": label, title: label, onclick: () => open(i, j) },
        few ? [number(n, words), h("span", { class: "share" }, percent((100 * n) / data.totals[i], words, 1))] : n > 9999 ? `${Math.round(n / 1000)}k` : String(n));
      cells.push([i, j, button]);
      return h("td", { class: shaded }, button);
    })));
  // One stop for the tabulator; arrows go from cell to cell.
  let at = cells.findIndex(([i, j]) => i !== j);
  at = Math.max(0, at);
  if (cells.length) cells[at][2].tabIndex = 0;
  function go(to) {
    cells[at][2].tabIndex = -1;
    at = to;
    cells[at][2].tabIndex = 0;
    cells[at][2].focus();
  }
  const body = h("tbody", { onkeydown: (event) => {
    const step = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] }[event.key];
    if (!step) return;
    const now = cells.findIndex(([, , button]) => button === document.activeElement);
    if (now < 0) return;
    event.preventDefault();
    const [i, j] = cells[now], along = ([a, b]) => (a - i) * step[0] + (b - j) * step[1], aside = ([a, b]) => Math.abs((a - i) * step[1]) + Math.abs((b - j) * step[0]);
    const there = cells.map((cell, k) => [k, along(cell), aside(cell)]).filter(([, along]) => along > 0).sort((a, b) => a[2] - b[2] || a[1] - b[1]);
    if (there.length) go(there[0][0]);
  } }, rows);
  const longest = Math.min(20, Math.max(...data.classes.map((one) => one.length)));
  const head = h("tr", null, h("th", { scope: "col", class: "corner" }, h("span", null, w.corner)), data.classes.map((one) => h("th", { scope: "col", title: isolated(one) }, h("span", null, name(one)))));
  if (!few) for (const cell of head.children) cell.style.height = `${1.5 + 0.42 * longest}rem`; // room for the slanted names
  return h("div", null,
    h("div", { class: "scroll", tabindex: "0", role: "group", "aria-label": w.title },
      h("table", { class: `matrix${few ? " few" : size > 20 ? " dense" : ""}` }, h("caption", { class: "unseen" }, w.caption), h("thead", null, head), body)),
    few ? null : h("div", { class: "legends", "aria-hidden": "true" }, legend(w.shadeWrong, "", words), legend(w.shadeRight, " own", words)),
    h("p", { class: "note screen" }, w.how));
}

function legend(title, kind, words) {
  return h("p", { class: "legend" }, h("span", null, title), [1, 3, 5, 7, 9].map((k) => h("span", { class: `cell h${k}${kind}` }, percent(100 * (k / 9) ** 2, words, 0))));
}

function pairList(data, pairs, open, words) {
  const w = words.confusion;
  return table(pairs.slice(0, PAIRS), [
    { key: "own", label: w.own, header: true, cell: ([own]) => name(data.classes[own]), sort: ([own]) => data.classes[own] },
    { key: "taken", label: w.taken, cell: ([, taken]) => name(data.classes[taken]), sort: ([, taken]) => data.classes[taken] },
    { key: "n", label: w.pictures, numeric: true, sort: ([, , n]) => n,
      cell: ([own, taken, n]) => h("button", { type: "button", class: "link", onclick: () => open(own, taken), "aria-label": fill(w.cellLabel, { own: isolated(data.classes[own]), taken: isolated(data.classes[taken]), n: number(n, words) }) }, number(n, words)) },
    { key: "share", label: w.share, numeric: true, sort: ([own, , n]) => n / data.totals[own], cell: ([own, , n]) => percent((100 * n) / data.totals[own], words, 1) },
  ], words, { caption: fill(w.pairs, { n: number(Math.min(PAIRS, pairs.length), words) }), sortBy: "n", descending: true, search: ([own, taken]) => `${data.classes[own]} ${data.classes[taken]}`, searchLabel: w.search });
}
