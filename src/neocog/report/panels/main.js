// The page: language and theme, contents, and each panel in a section of its own.

import { render as calibration } from "./calibration.js";
import { render as classes } from "./classes.js";
import { render as comparison } from "./comparison.js";
import { render as confusion } from "./confusion.js";
import { render as curves } from "./curves.js";
import { render as data } from "./data.js";
import { render as disagreements } from "./disagreements.js";
import { fill, h, name } from "./dom.js";
import { render as headline } from "./headline.js";
import { render as inside } from "./inside.js";
import { render as mistakes } from "./mistakes.js";
import { render as network } from "./network.js";
import { render as overview } from "./overview.js";
import { render as pairs } from "./pairs.js";
import { render as pareto } from "./pareto.js";
import { render as race } from "./race.js";
import { render as ranking } from "./ranking.js";
import { render as setting } from "./setting.js";
import { render as trials } from "./trials.js";

const PANELS = {
  headline, curves, confusion, mistakes, inside, classes, calibration, comparison, network, // of a run
  overview, ranking, pareto, pairs, race, disagreements, trials, // of a bake-off
  data, setting,
};
const HEADS = ["headline", "overview"];

const read = (id) => JSON.parse(document.getElementById(id).textContent);
const report = read("data"), languages = read("words"), root = document.getElementById("report");
const state = { language: chosenLanguage(), theme: "auto" };

function chosenLanguage() {
  const known = Object.keys(languages);
  for (const wanted of navigator.languages ?? []) {
    const found = known.find((one) => wanted.toLowerCase().split("-")[0] === one);
    if (found) return found;
  }
  return known[0];
}

function given(panel) {
  const own = report.panels[panel];
  if (panel === "headline" && report.panels.network) return { ...own, params: report.panels.network.params, macs: report.panels.network.macs };
  if (panel === "inside") return { classes: report.classes, rowsOf: report.rows, ...own };
  return { classes: report.classes, rows: report.rows, pictures: report.pictures, names: report.names, ...own };
}

function show() {
  const words = languages[state.language], w = words.page;
  document.documentElement.lang = words.lang;
  const names = Object.keys(PANELS).filter((one) => report.panels[one]);
  const sections = names.map((panel) => {
    const element = h(HEADS.includes(panel) ? "header" : "section", { id: panel, class: `panel ${panel}` });
    PANELS[panel](element, given(panel), words);
    const heading = element.querySelector("h1, h2");
    heading.id = `${panel}-title`;
    if (!HEADS.includes(panel)) element.setAttribute("aria-labelledby", heading.id);
    return element;
  });
  if (report.missing) sections[0].append(h("p", { class: "warning" }, w.missing[report.missing] ?? [w.missing.gone, " ", h("span", { lang: "en" }, name(report.missing))]));
  const titles = names.slice(1).map((panel) => h("li", null, h("a", { href: `#${panel}` }, words[panel].title)));
  root.replaceChildren(
    h("a", { class: "skip", href: "#main" }, w.skip),
    h("header", { class: "bar" }, h("p", { class: "brand" }, "neocog"), controls(words)),
    h("div", { class: "frame" },
      h("nav", { "aria-label": w.contents }, h("ol", null, titles)),
      h("main", { id: "main", tabindex: "-1" }, sections)),
    h("footer", null, h("p", null, fill(w.made, { version: report.made.neocog, date: report.made.date }))));
}

function controls(words) {
  const w = words.page;
  const parts = [];
  const codes = Object.keys(languages);
  if (codes.length > 1) {
    parts.push(h("div", { class: "switch", role: "group", "aria-label": w.language }, codes.map((code) =>
      h("button", { type: "button", "aria-pressed": String(code === state.language), lang: languages[code].lang, onclick: () => { state.language = code; again(`[lang="${languages[code].lang}"]`); } }, languages[code].name))));
  }
  parts.push(h("div", { class: "switch", role: "group", "aria-label": w.theme }, ["auto", "light", "dark"].map((theme) =>
    h("button", { type: "button", "data-value": theme, "aria-pressed": String(theme === state.theme), onclick: () => {
      state.theme = theme;
      if (theme === "auto") delete document.documentElement.dataset.theme;
      else document.documentElement.dataset.theme = theme;
      for (const one of root.querySelectorAll("[data-value]")) one.setAttribute("aria-pressed", String(one.dataset.value === theme));
    } }, w.themes[theme]))));
  return h("div", { class: "controls" }, parts);
}

// The same page in another language: at the same place, the focus on the same switch.
function again(selector) {
  const open = [...root.querySelectorAll("section")].find((one) => one.getBoundingClientRect().bottom > 80);
  const above = open?.getBoundingClientRect().top;
  const scrolled = window.scrollY > 60;
  show();
  root.querySelector(`.switch ${selector}`)?.focus({ preventScroll: true });
  if (open && scrolled) window.scrollBy(0, document.getElementById(open.id).getBoundingClientRect().top - above);
}

show();
