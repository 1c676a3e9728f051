// Real tables: a caption, headers, columns that sort, rows that can be searched.

import { fill, freshId, h, number, settled } from "./dom.js";

const FIRST = 60; // rows that are there before somebody asks for all

// columns: {key, label, title?, numeric?, whole? (never broken), sort?: (row) => value, cell: (row) => node or text, header?: is the row's header}.
// options: {caption, sortBy, descending, search?: (row) => text, hidden caption?}
export function table(rows, columns, words, options) {
  const state = { key: options.sortBy ?? null, descending: options.descending ?? false, wanted: "", all: false };
  const body = h("tbody");
  const heads = columns.map((column) => head(column));
  const more = h("button", { class: "quiet", type: "button", onclick: () => { state.all = true; show(); } });
  const told = h("p", { class: "note", role: "status" });
  const label = freshId("caption");
  const wrap = h("div", { class: "scroll", tabindex: "0", role: "group", "aria-labelledby": label },
    h("table", { class: options.class },
      h("caption", { id: label, class: options.quietCaption ? "unseen" : null }, options.caption),
      h("thead", null, h("tr", null, heads.map((one) => one.cell))), body));

  function head(column) {
    if (!column.sort) return { column, cell: h("th", { scope: "col", class: column.numeric ? "n" : null, title: column.title }, column.label) };
    const button = h("button", { type: "button", class: "sort", title: column.title, onclick: () => sortBy(column) }, column.label);
    return { column, button, cell: h("th", { scope: "col", class: column.numeric ? "n" : null }, button) };
  }

  function sortBy(column) {
    state.descending = state.key === column.key ? !state.descending : Boolean(column.numeric);
    state.key = column.key;
    show();
  }

  function ordered() {
    const column = columns.find((one) => one.key === state.key);
    const wanted = state.wanted.toLocaleLowerCase();
    const found = wanted ? rows.filter((row) => options.search(row).toLocaleLowerCase().includes(wanted)) : [...rows];
    if (!column) return found;
    const sign = state.descending ? -1 : 1;
    const compare = (a, b) => (typeof a === "string" ? a.localeCompare(b, words.lang) : a - b);
    const empty = (value) => value === null || value === undefined;
    return found.map((row) => [column.sort(row), row]).sort(([a], [b]) =>
      empty(a) || empty(b) ? empty(a) - empty(b) : sign * compare(a, b)).map(([, row]) => row);
  }

  function show() {
    const found = ordered();
    const shown = state.all || found.length <= FIRST * 1.5 ? found : found.slice(0, FIRST);
    body.replaceChildren(...shown.map((row) => h("tr", options.row?.(row), columns.map((column) =>
      h(column.header ? "th" : "td", { class: column.numeric ? "n" : column.whole ? "whole" : null, scope: column.header ? "row" : null }, column.cell(row))))));
    for (const { column, cell } of heads) {
      if (!column.sort) continue;
      if (column.key === state.key) cell.setAttribute("aria-sort", state.descending ? "descending" : "ascending");
      else cell.removeAttribute("aria-sort");
    }
    more.hidden = shown.length === found.length;
    more.textContent = fill(words.table.all, { n: number(found.length, words) });
    told.hidden = !state.wanted;
    told.textContent = fill(words.table.found, { n: number(found.length, words), all: number(rows.length, words) });
  }

  show();
  const parts = [wrap, more];
  if (options.search && rows.length > 12) {
    const id = freshId("search");
    const again = settled((value) => { state.wanted = value.trim(); show(); });
    parts.unshift(h("p", { class: "search" }, h("label", { for: id }, options.searchLabel ?? words.table.search),
      h("input", { id, type: "search", autocomplete: "off", spellcheck: "false", oninput: (event) => again(event.target.value) })), told);
  }
  return h("div", { class: "table" }, parts);
}

// What a chart shows, as a table that opens.
export function alternative(rows, columns, words, caption) {
  const details = h("details", { class: "alternative" }, h("summary", null, words.table.asTable));
  details.addEventListener("toggle", () => {
    if (details.open && details.children.length === 1) details.append(table(rows, columns, words, { caption }));
  });
  return details;
}
