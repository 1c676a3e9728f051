// The confusion of many classes as a picture that can be zoomed: one canvas, never an element for each cell.

import { fillNodes, freshId, h, name, number, settled } from "./dom.js";

const SIDE = 640;

export function map(data, counts, open, words) {
  const w = words.confusion, size = data.classes.length;
  const state = { left: 0, top: 0, span: size, row: 0, column: 0, marked: -1 };
  const help = freshId("help");
  const canvas = h("canvas", { width: SIDE, height: SIDE, tabindex: "0", role: "application", "aria-label": w.mapLabel, "aria-describedby": help });
  const told = h("p", { class: "told", role: "status" });
  const context = canvas.getContext("2d");
  const cells = data.cells.map(([own, taken, n]) => [own, taken, n, Math.sqrt(n / data.totals[own])]);

  function draw() {
    const style = getComputedStyle(canvas), ink = style.color, ratio = Math.min(2, window.devicePixelRatio || 1);
    if (canvas.width !== SIDE * ratio) canvas.width = canvas.height = SIDE * ratio;
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    context.clearRect(0, 0, SIDE, SIDE);
    const unit = SIDE / state.span, dot = Math.max(unit - (unit > 8 ? 1 : 0), 1.6);
    if (state.marked >= 0) {
      context.globalAlpha = 0.12;
      context.fillStyle = ink;
      context.fillRect(0, (state.marked - state.top) * unit, SIDE, dot);
      context.fillRect((state.marked - state.left) * unit, 0, dot, SIDE);
    }
    for (const wrong of [false, true]) {
      context.fillStyle = wrong ? style.textDecorationColor : style.caretColor;
      for (const [own, taken, , strength] of cells) {
        if ((own !== taken) !== wrong) continue;
        const x = (taken - state.left) * unit, y = (own - state.top) * unit;
        if (x < -unit || y < -unit || x > SIDE || y > SIDE) continue;
        context.globalAlpha = wrong ? Math.min(1, 0.15 + 0.85 * strength * 2) : 0.15 + 0.5 * strength;
        context.fillRect(x, y, dot, dot);
      }
    }
    context.globalAlpha = 1;
    context.strokeStyle = ink;
    context.lineWidth = 1.5;
    const box = Math.max(unit, 6);
    context.strokeRect((state.column - state.left + 0.5) * unit - box / 2, (state.row - state.top + 0.5) * unit - box / 2, box, box);
  }

  function tell() {
    const n = counts.get(`${state.row} ${state.column}`) ?? 0;
    const same = state.row === state.column;
    told.replaceChildren(...fillNodes(same ? w.mapRight : w.mapCell, { own: h("b", null, name(data.classes[state.row])), taken: h("b", null, name(data.classes[state.column])), n: number(n, words), total: number(data.totals[state.row], words) }));
  }

  function keep() {
    state.span = Math.min(size, Math.max(8, state.span));
    state.left = Math.min(size - state.span, Math.max(0, state.left));
    state.top = Math.min(size - state.span, Math.max(0, state.top));
  }

  function zoom(factor, column, row) {
    const span = Math.min(size, Math.max(8, state.span * factor));
    state.left = column - ((column - state.left) * span) / state.span;
    state.top = row - ((row - state.top) * span) / state.span;
    state.span = span;
    keep();
    draw();
  }

  function move(row, column) {
    state.row = Math.min(size - 1, Math.max(0, row));
    state.column = Math.min(size - 1, Math.max(0, column));
    if (state.row < state.top) state.top = state.row;
    if (state.row >= state.top + state.span) state.top = state.row - state.span + 1;
    if (state.column < state.left) state.left = state.column;
    if (state.column >= state.left + state.span) state.left = state.column - state.span + 1;
    keep();
    draw();
    tell();
  }

  // The mistake nearest in a direction, so that arrows need not cross a thousand empty cells.
  function next(rows, columns) {
    let best = null, least = Infinity;
    for (const [own, taken] of cells) {
      const along = (own - state.row) * rows + (taken - state.column) * columns;
      const aside = Math.abs((own - state.row) * columns) + Math.abs((taken - state.column) * rows);
      if (own !== taken && along > 0 && along + 2 * aside < least) [best, least] = [[own, taken], along + 2 * aside];
    }
    if (best) move(...best);
  }

  const cellAt = (event) => {
    const box = canvas.getBoundingClientRect();
    const at = (part, whole) => (part / whole) * state.span;
    return [Math.floor(state.top + at(event.clientY - box.top, box.height)), Math.floor(state.left + at(event.clientX - box.left, box.width))];
  };
  // The nearest mistake within a few pixels: cells are smaller than a fingertip.
  function snapped([row, column]) {
    const reach = Math.max(1, (6 * state.span) / SIDE);
    let best = [row, column], least = Infinity;
    for (const [own, taken] of cells) {
      const away = Math.max(Math.abs(own - row), Math.abs(taken - column));
      if (away <= reach && away < least) [best, least] = [[own, taken], away];
    }
    return best;
  }

  let drag = null;
  canvas.addEventListener("pointerdown", (event) => { drag = { x: event.clientX, y: event.clientY, left: state.left, top: state.top, moved: false }; canvas.setPointerCapture(event.pointerId); });
  canvas.addEventListener("pointermove", (event) => {
    if (!drag) { move(...snapped(cellAt(event))); return; }
    const unit = canvas.getBoundingClientRect().width / state.span, dx = event.clientX - drag.x, dy = event.clientY - drag.y;
    drag.moved ||= Math.hypot(dx, dy) > 4;
    if (!drag.moved) return;
    state.left = drag.left - dx / unit;
    state.top = drag.top - dy / unit;
    keep();
    draw();
  });
  canvas.addEventListener("pointerup", (event) => {
    const clicked = drag && !drag.moved;
    drag = null;
    if (!clicked) return;
    move(...snapped(cellAt(event)));
    if (counts.has(`${state.row} ${state.column}`)) open(state.row, state.column);
  });
  canvas.addEventListener("pointercancel", () => { drag = null; });
  canvas.addEventListener("wheel", (event) => {
    if (!event.ctrlKey && document.activeElement !== canvas) return; // else the page scrolls
    event.preventDefault();
    const [row, column] = cellAt(event);
    zoom(event.deltaY > 0 ? 1.25 : 0.8, column, row);
  }, { passive: false });
  canvas.addEventListener("keydown", (event) => {
    const keys = {
      ArrowLeft: () => next(0, -1), ArrowRight: () => next(0, 1), ArrowUp: () => next(-1, 0), ArrowDown: () => next(1, 0),
      "+": () => zoom(0.6, state.column, state.row), "=": () => zoom(0.6, state.column, state.row), "-": () => zoom(1.6, state.column, state.row),
      Enter: () => counts.has(`${state.row} ${state.column}`) && open(state.row, state.column),
    };
    if (!keys[event.key]) return;
    event.preventDefault();
    keys[event.key]();
  });

  const id = freshId("find");
  const find = settled((value) => {
    const wanted = value.trim().toLocaleLowerCase();
    const found = wanted ? data.classes.findIndex((one) => one.toLocaleLowerCase().includes(wanted)) : -1;
    state.marked = found;
    if (found >= 0) { state.span = Math.min(state.span, 120); state.left = state.top = found - state.span / 2; move(found, found); } else draw();
  });
  const first = cells.filter(([own, taken]) => own !== taken).sort((a, b) => b[2] - a[2])[0];
  if (first) [state.row, state.column] = first;
  new ResizeObserver(draw).observe(canvas); // drawn once it has colours and a size
  for (const query of ["(prefers-color-scheme: dark)", "print"]) matchMedia(query).addEventListener("change", draw);
  new MutationObserver(draw).observe(document.documentElement, { attributes: true, attributeFilter: ["data-theme"] });
  tell();
  return h("div", { class: "map" }, h("h3", null, w.map),
    h("p", { class: "search" }, h("label", { for: id }, w.find), h("input", { id, type: "search", autocomplete: "off", spellcheck: "false", oninput: (event) => find(event.target.value) })),
    h("div", { class: "buttons" },
      h("button", { type: "button", class: "quiet", onclick: () => zoom(0.6, state.column, state.row) }, w.zoomIn),
      h("button", { type: "button", class: "quiet", onclick: () => zoom(1.6, state.column, state.row) }, w.zoomOut),
      h("button", { type: "button", class: "quiet", onclick: () => zoom(size, 0, 0) }, w.whole)),
    canvas, told, h("p", { class: "note", id: help }, w.mapHow));
}
