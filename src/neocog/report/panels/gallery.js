// Pictures with what was said of them, in a grid and in a dialog.

import { chance, fillNodes, h, isolated, name } from "./dom.js";

// One picture. row: [name, class, taken for, probability, probability of its own class]
export function figure(i, data, words) {
  const [file, own, taken, p, pOwn] = data.rows[i];
  const uri = data.pictures[i];
  const right = own === taken;
  const said = fillNodes(right ? words.gallery.right : words.gallery.wrong, { taken: h("b", null, name(data.classes[taken])), p: chance(p, words) });
  const truth = right ? [] : fillNodes(words.gallery.truth, { own: h("b", null, name(data.classes[own])), p: chance(pOwn, words) });
  const some = Object.keys(data.pictures).length > 0; // where there is none at all, no empty frames
  return h("figure", { class: right ? "picture right" : "picture wrong" },
    some && h("div", { class: "plate" }, uri ? h("img", { src: uri, alt: `${isolated(data.classes[own])}: ${isolated(file)}`, decoding: "async", class: "sharp" }) : h("span", { class: "absent" }, words.gallery.absent)),
    h("figcaption", null, h("span", { class: "said" }, said), right ? null : h("span", { class: "truth" }, truth), h("span", { class: "file", title: file }, name(file.split("/").pop()))));
}

// Pictures smaller than their frame are shown pixel by pixel, the others smoothly; their frame has its size from the start.
export function sharpen(element) {
  for (const img of element.querySelectorAll("img.sharp")) {
    const settle = () => img.classList.toggle("pixels", img.naturalWidth <= 64 && img.naturalHeight <= 64);
    if (img.complete) settle();
    else img.addEventListener("load", settle, { once: true });
  }
}

export function grid(indices, data, words) {
  const element = h("div", { class: "pictures" }, indices.map((i) => figure(i, data, words)));
  sharpen(element);
  return element;
}

// A modal dialog; Escape, the button and a click beside it close it, and the focus goes back to where it was.
export function dialog(title, content, words) {
  const before = document.activeElement;
  const close = h("button", { type: "button", class: "quiet close", onclick: () => box.close() }, words.gallery.close);
  const box = h("dialog", { "aria-label": title.textContent ?? title },
    h("header", null, h("h2", null, title), close), h("div", { class: "content", tabindex: "0", role: "group", "aria-label": title.textContent ?? title }, content));
  box.addEventListener("click", (event) => { if (event.target === box) box.close(); });
  box.addEventListener("close", () => { box.remove(); before?.focus?.(); });
  document.body.append(box);
  box.showModal();
  return box;
}
