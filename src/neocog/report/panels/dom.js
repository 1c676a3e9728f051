// Elements, texts and numbers. Text only ever becomes text nodes and attributes: nothing from the data is parsed as HTML.

const SVG = "http://www.w3.org/2000/svg";

// h("p", {class: "note", onclick: f}, "text", element, …): an HTML element.
export function h(tag, attributes, ...children) {
  return filled(document.createElement(tag), attributes, children);
}

// The same for SVG.
export function s(tag, attributes, ...children) {
  return filled(document.createElementNS(SVG, tag), attributes, children);
}

function filled(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes ?? {})) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.flat(2).filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

// A name from the data, kept from turning the direction of what stands around it.
export function name(text) {
  return h("bdi", null, text);
}

// The same inside an attribute or a longer text: FIRST STRONG ISOLATE … POP DIRECTIONAL ISOLATE.
export function isolated(text) {
  return `\u2068${text}\u2069`;
}

const PLACE = /\{(\w+)(?::([^{}|]*)\|([^{}|]*))?\}/g;

// "{n} of {all} {all:picture|pictures}" with the values in place; of two forms the first where the value reads 1.
export function fill(text, values) {
  return fillNodes(text, values).join("");
}

// The same as nodes, so that a value can be an element.
export function fillNodes(text, values) {
  const parts = [];
  let end = 0;
  for (const found of text.matchAll(PLACE)) {
    const [all, key, one, many] = found;
    parts.push(text.slice(end, found.index), one === undefined ? (values[key] ?? "") : String(values[key]) === "1" ? one : many);
    end = found.index + all.length;
  }
  return [...parts, text.slice(end)];
}

const formats = new Map();

// A number in the language of the words, rounded as Python rounds: a page and a command never differ by a digit.
export function number(value, words, digits = 0) {
  if (value === null || value === undefined) return "–";
  const key = `${words.lang} ${digits}`;
  if (!formats.has(key)) {
    formats.set(key, new Intl.NumberFormat(words.lang, { minimumFractionDigits: digits, maximumFractionDigits: digits }));
  }
  return formats.get(key).format(Number(value.toFixed(digits)) + 0).replace("-", "−");
}

// "10.50 %"
export function percent(value, words, digits = 2) {
  return value === null || value === undefined ? "–" : `${number(value, words, digits)}\u202f%`;
}

// A probability in percent; what is nearly nothing or nearly certain is not told as 0 or 100.
export function chance(p, words) {
  if (p !== null && p < 0.0005) return `<\u202f${percent(0.1, words, 1)}`;
  if (p > 0.9995) return `>\u202f${percent(99.9, words, 1)}`;
  return percent(100 * p, words, 1);
}

// Three figures: "61,750", "25.6 M".
export function large(value, words) {
  if (value === null || value === undefined) return "–";
  for (const [unit, sign] of [[1e9, "G"], [1e6, "M"]]) {
    if (value >= unit) return `${number(value / unit, words, value < 10 * unit ? 2 : value < 100 * unit ? 1 : 0)}\u202f${sign}`;
  }
  return number(value, words);
}

// "4:07 min" style lengths of time.
export function duration(seconds, words) {
  if (seconds === null || seconds === undefined) return "–";
  if (seconds < 90) return `${number(seconds, words, seconds < 10 ? 1 : 0)}\u202fs`;
  if (seconds < 5400) return `${number(seconds / 60, words, seconds < 600 ? 1 : 0)}\u202f${words.units.minutes}`;
  return `${number(seconds / 3600, words, 1)}\u202f${words.units.hours}`;
}

// [low, high] in words.
export function interval(pair, words, digits = 2) {
  return fill(words.units.interval, { low: number(pair[0], words, digits), high: number(pair[1], words, digits) });
}

// A p-value: "0.031", "< 0.0001".
export function pValue(p, words) {
  return p < 1e-4 ? `< ${number(0.0001, words, 4)}` : number(p, words, p < 0.001 ? 4 : 3);
}

// Calls f for the last of calls that come close together.
export function settled(f, milliseconds = 120) {
  let timer = 0;
  return (...given) => {
    clearTimeout(timer);
    timer = setTimeout(() => f(...given), milliseconds);
  };
}

let counter = 0;

// An id that no other element of the page has.
export function freshId(stem) {
  counter += 1;
  return `${stem}-${counter}`;
}
