// Protocol, environment, and the commands that give the same figures again.

import { h, name } from "./dom.js";

export function render(element, data, words) {
  const w = words.setting;
  element.append(h("h2", null, w.title));
  if (data.protocol) element.append(h("p", { class: "lead" }, `${w.protocol} `, h("code", null, name(data.protocol))));
  element.append(h("div", { class: "columns" }, data.groups.map((group) => h("div", null, h("h3", null, w.groups[group.name]),
    h("dl", { class: "list" }, group.pairs.map(([key, value]) => h("div", null, h("dt", null, w.keys[key] ?? key), h("dd", null, name(value)))))))));
  if (data.lines.length) element.append(h("h3", null, w.decisions), h("ul", { lang: "en" }, data.lines.map((line) => h("li", null, name(line)))));
  element.append(h("h3", null, w.repeat), ...data.commands.map((one) => command(one, words)));
}

function command(one, words) {
  const w = words.setting, label = w.commands[one.what] ?? one.what;
  const told = h("span", { class: "unseen", role: "status" });
  const text = h("code", null, one.command);
  const button = h("button", { type: "button", class: "quiet", "aria-label": `${w.copy}: ${label}`, onclick: async () => {
    await copied(one.command, text);
    told.textContent = button.textContent = w.copied;
    setTimeout(() => { button.textContent = w.copy; told.textContent = ""; }, 2000);
  } }, w.copy);
  return h("div", { class: "command" }, h("p", null, label), h("pre", { tabindex: "0", role: "group", "aria-label": label }, text), button, told);
}

// From disk there may be no clipboard: then the text is selected, and copied the old way.
async function copied(text, element) {
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    const all = document.createRange();
    all.selectNodeContents(element);
    getSelection().removeAllRanges();
    getSelection().addRange(all);
    document.execCommand("copy");
  }
}
