// Lines over steps or epochs, with a cursor and a part that can be looked at closely; SVG drawn for the width that there is.

import { fill, h, icon } from "../../kit/dom.js";
import { short } from "../../kit/format.js";
import { t } from "../../kit/texts.js";
import { Range } from "./range.js";

const MARGIN = { top: 10, right: 14, bottom: 34, left: 62 };
const HEIGHT = 360;
const MOST_TOLD = 14; // lines in the cursor's note
export const COLOURS = Array.from({ length: 8 }, (_, place) => `var(--series-${place + 1})`);

/**
 * `series` are { name, x, y, faint?, spread?, marks? }: `y` may hold null; `faint` is drawn thinly behind; `spread` are half-widths of
 * a band; `marks` are [index, text]. `log` puts y on a logarithmic scale: what isn't above 0 is left out.
 */
export class Chart {
  constructor(label, { onzoom = () => {} } = {}) {
    this.svg = make("svg", { class: "compare-chart", role: "img", "aria-label": label });
    this.tip = h("div", { class: "compare-chart-tip", hidden: true });
    this.whole = h("button", { class: "compare-chart-whole", hidden: true, onclick: () => this.zoom(null) }, icon("undo"), t("compare.whole"));
    this.node = h("div", { class: "compare-chart-holder", role: "group", "aria-label": t("compare.chart_help"), title: t("compare.chart_help"), tabindex: "0" }, this.svg, this.tip, this.whole);
    this.onzoom = onzoom;
    this.shown = null; // the part of x that is looked at; null is all
    this.range = new Range(this.node, MARGIN, { back: (pixel) => this.x?.back(pixel), all: () => this.all, shown: () => this.shown, zoom: (part) => this.zoom(part) });
    this.node.addEventListener("pointermove", (event) => this.#point(event));
    this.node.addEventListener("pointerleave", () => this.#leave());
    this.observer = new ResizeObserver(() => this.draw());
    this.observer.observe(this.node);
  }

  /** `extent` is all of x, where the series hold what is shown alone. */
  update(series, { log = false, xName = "", yName = "", extent = null } = {}) {
    Object.assign(this, { extent, series: series.map((one, place) => ({ colour: COLOURS[place % COLOURS.length], ...one })), log, xName, yName });
    this.draw();
  }

  /** Shows a part [from, to] of x, null for all of it. */
  zoom(part) {
    this.shown = part;
    if (!part && this.whole.contains(document.activeElement)) this.node.focus();
    this.whole.hidden = !part;
    this.draw();
    this.onzoom(part);
  }

  end() {
    this.observer.disconnect();
  }

  draw() {
    const width = this.node.clientWidth;
    if (!this.series || width < 80) return;
    const seen = (value) => value !== null && value !== undefined && Number.isFinite(value) && (!this.log || value > 0);
    this.all = this.extent ?? extent(this.series.map((one) => one.x));
    const part = this.shown ?? this.all;
    let ys = this.series.map((one) => heights(one, part).filter(seen));
    if (!ys.flat().length) ys = this.series.map((one) => one.y.filter(seen)); // between two points
    this.x = scale(part, MARGIN.left, width - MARGIN.right, false);
    this.y = scale(padded(extent(ys), this.log), HEIGHT - MARGIN.bottom, MARGIN.top, this.log);
    this.seen = seen;
    this.svg.replaceChildren();
    this.svg.setAttribute("viewBox", `0 0 ${width} ${HEIGHT}`);
    this.svg.setAttribute("height", HEIGHT);
    this.#axes(width);
    this.lines = make("svg", { x: MARGIN.left, y: 0, width: width - MARGIN.left - MARGIN.right, height: HEIGHT - MARGIN.bottom, viewBox: `${MARGIN.left} 0 ${width - MARGIN.left - MARGIN.right} ${HEIGHT - MARGIN.bottom}` });
    this.svg.append(this.lines);
    for (const one of this.series) {
      if (one.spread) this.#line("path", { d: this.#band(one), fill: one.colour, class: "spread" });
      if (one.faint) this.#line("path", { d: this.#path(one.x, one.faint), stroke: one.colour, class: "faint" });
      this.#line("path", { d: this.#path(one.x, one.y), stroke: one.colour, class: "line" });
      if (one.x.length < 60) one.x.forEach((x, n) => seen(one.y[n]) && this.#line("circle", { cx: this.x.at(x), cy: this.y.at(one.y[n]), r: 2.6, fill: one.colour }));
      for (const [n, text] of one.marks || []) if (this.#isShown(one.x[n])) this.#mark(one, n, text);
    }
    this.cursor = this.#add("line", { class: "cursor", y1: MARGIN.top, y2: HEIGHT - MARGIN.bottom, visibility: "hidden" });
  }

  #add(tag, props) {
    const node = make(tag, props);
    this.svg.append(node);
    return node;
  }

  #line(tag, props) {
    this.lines.append(make(tag, props));
  }

  #isShown(x) {
    return !this.shown || (x >= this.shown[0] && x <= this.shown[1]);
  }

  #axes(width) {
    for (const value of this.y.ticks) {
      const y = this.y.at(value);
      this.#add("line", { class: "grid", x1: MARGIN.left, x2: width - MARGIN.right, y1: y, y2: y });
      this.#add("text", { x: MARGIN.left - 6, y: y + 4, "text-anchor": "end" }).textContent = short(value);
    }
    for (const value of this.x.ticks) this.#add("text", { x: this.x.at(value), y: HEIGHT - MARGIN.bottom + 16, "text-anchor": "middle" }).textContent = short(value);
    this.#add("text", { x: (width + MARGIN.left) / 2, y: HEIGHT - 2, "text-anchor": "middle" }).textContent = this.xName;
    this.#add("text", { x: 12, y: HEIGHT / 2, "text-anchor": "middle", transform: `rotate(-90 12 ${HEIGHT / 2})` }).textContent = this.yName;
  }

  #path(x, y) {
    let pen = false;
    return x.map((value, n) => {
      if (!this.seen(y[n])) return (pen = false), "";
      const part = `${pen ? "L" : "M"}${this.x.at(value).toFixed(1)} ${this.y.at(y[n]).toFixed(1)}`;
      pen = true;
      return part;
    }).join("");
  }

  #band(one) {
    const places = one.x.map((_, n) => n).filter((n) => this.seen(one.y[n]) && one.spread[n] !== null && this.seen(one.y[n] - one.spread[n]));
    const edge = (n, sign) => `${this.x.at(one.x[n]).toFixed(1)} ${this.y.at(one.y[n] + sign * one.spread[n]).toFixed(1)}`;
    return places.length ? `M${[...places.map((n) => edge(n, 1)), ...[...places].reverse().map((n) => edge(n, -1))].join("L")}Z` : "";
  }

  #mark(one, n, text) {
    const x = this.x.at(one.x[n]);
    this.#add("line", { class: "mark", stroke: one.colour, x1: x, x2: x, y1: MARGIN.top, y2: HEIGHT - MARGIN.bottom }).append(make("title", {}, text));
    this.#add("text", { x: x + 4, y: MARGIN.top + 10, class: "mark-text" }).textContent = text;
  }

  #point(event) {
    if (!this.x || !this.series.length || this.range.held) return this.#leave();
    const box = this.node.getBoundingClientRect();
    const x = event.clientX - box.left;
    const told = this.series.map((one) => [one, nearest(one.x, this.x.back(x))]).filter(([one, n]) => n >= 0 && this.#isShown(one.x[n]) && one.y[n] !== null && one.y[n] !== undefined);
    if (!told.length) return this.#leave();
    const [first, at] = told.reduce((best, [one, n]) => (Math.abs(this.x.at(one.x[n]) - x) < Math.abs(this.x.at(best[0].x[best[1]]) - x) ? [one, n] : best));
    const px = this.x.at(first.x[at]);
    this.cursor.setAttribute("x1", px);
    this.cursor.setAttribute("x2", px);
    this.cursor.setAttribute("visibility", "visible");
    told.sort(([one, n], [other, m]) => other.y[m] - one.y[n]);
    fill(this.tip, h("strong", null, `${this.xName} ${short(first.x[at])}`), told.slice(0, MOST_TOLD).map(([one, n]) =>
      h("span", null, h("i", { style: { background: one.colour } }), ` ${short(one.y[n])} `, h("small", null, one.name))));
    this.tip.hidden = false;
    const left = px + 14 + this.tip.offsetWidth > box.width ? px - 14 - this.tip.offsetWidth : px + 14;
    Object.assign(this.tip.style, { left: `${Math.max(0, left)}px`, top: `${MARGIN.top}px` });
  }

  #leave() {
    this.tip.hidden = true;
    this.cursor?.setAttribute("visibility", "hidden");
  }
}

function make(tag, props, text) {
  const node = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(props)) node.setAttribute(name, value);
  if (text) node.textContent = text;
  return node;
}

/** Of lists of numbers. */
function extent(lists) {
  let [low, high] = [Infinity, -Infinity];
  for (const values of lists) for (const value of values) [low, high] = [Math.min(low, value), Math.max(high, value)];
  return low <= high ? [low, high] : [0, 1];
}

/** All that stands above a part of x. */
function heights(one, [from, to]) {
  const found = [];
  one.x.forEach((x, n) => {
    if (x < from || x > to) return;
    found.push(one.y[n]);
    if (one.spread && one.spread[n] !== null) found.push(one.y[n] - one.spread[n], one.y[n] + one.spread[n]);
    if (one.faint) found.push(one.faint[n]);
  });
  return found;
}

function padded([low, high], log) {
  if (log) return low === high ? [low / 2, high * 2] : [low, high];
  const room = (high - low || Math.abs(high) || 1) * 0.05;
  return [low - room, high + room];
}

function scale([low, high], from, to, log) {
  if (low === high) [low, high] = [low - 1, high + 1];
  const turn = log ? Math.log10 : (value) => value;
  const back = log ? (value) => 10 ** value : (value) => value;
  const [a, b] = [turn(low), turn(high)];
  return {
    at: (value) => from + ((turn(value) - a) / (b - a)) * (to - from),
    back: (pixel) => back(a + ((pixel - from) / (to - from)) * (b - a)),
    ticks: log ? logTicks(low, high) : linearTicks(low, high),
  };
}

function linearTicks(low, high) {
  const rough = (high - low) / 6;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((n) => n * power).find((n) => n >= rough);
  const ticks = [];
  for (let n = Math.ceil(low / step); n * step <= high + step * 1e-9; n++) ticks.push(n * step);
  return ticks;
}

function logTicks(low, high) {
  const ticks = [];
  const decades = Math.log10(high / low);
  const parts = decades > 4 ? [1] : [1, 2, 5];
  for (let power = Math.floor(Math.log10(low)); 10 ** power <= high; power++) {
    for (const n of parts) {
      const value = n * 10 ** power;
      if (value >= low * 0.999 && value <= high * 1.001) ticks.push(value);
    }
  }
  return ticks.length > 1 ? ticks : [low, high];
}

/** The index of the value next to `wanted` in an ascending list, -1 where it is empty. */
function nearest(values, wanted) {
  let [low, high] = [0, values.length - 1];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (values[middle] < wanted) low = middle + 1;
    else high = middle;
  }
  return low > 0 && wanted - values[low - 1] < values[low] - wanted ? low - 1 : low > values.length - 1 ? -1 : low;
}
