// A box over a picture that is dragged, drawn anew or moved by keyboard. All numbers are fractions of the picture.

import { h } from "../../kit/dom.js";
import { t } from "../../kit/texts.js";

const LEAST = 0.02;
const STEP = 0.01;
const FINE = 0.001;
const EDGES = ["nw", "n", "ne", "e", "se", "s", "sw", "w"];

export class CropBox {
  /** `box` is [left, top, right, bottom]; `size` the picture's in pixels; `onchange()` hears of each change. */
  constructor(box, size, onchange) {
    Object.assign(this, { box: [...box], size, onchange, aspect: 0 });
    this.frame = h("div", { class: "crop-frame", tabindex: "0", role: "group", onkeydown: (event) => this.#key(event) },
      EDGES.map((edge) => h("span", { class: `crop-edge ${edge}`, dataset: { edge } })));
    this.node = h("div", { class: "crop-area", onpointerdown: (event) => this.#down(event) }, this.frame);
    this.draw();
  }

  get isWhole() {
    return this.box[0] < 1e-4 && this.box[1] < 1e-4 && this.box[2] > 1 - 1e-4 && this.box[3] > 1 - 1e-4;
  }

  /** Pixels of the original: left, top, width, height. */
  get pixels() {
    const [left, top, right, bottom] = this.box;
    const { width, height } = this.size;
    return [Math.round(left * width), Math.round(top * height), Math.round((right - left) * width), Math.round((bottom - top) * height)];
  }

  whole() {
    this.aspect = 0;
    this.#set([0, 0, 1, 1]);
  }

  /** Width by height, 0: any. The largest such box in the middle of what is chosen. */
  shape(aspect) {
    this.aspect = aspect;
    if (!aspect) return;
    const [left, top, right, bottom] = this.box;
    const ratio = this.#ratio;
    let [width, height] = [right - left, bottom - top];
    if (width / height > ratio) width = height * ratio;
    else height = width / ratio;
    const [x, y] = [(left + right) / 2, (top + bottom) / 2];
    this.#set([x - width / 2, y - height / 2, x + width / 2, y + height / 2]);
  }

  /** Of fractions, which are no squares. */
  get #ratio() {
    return (this.aspect * this.size.height) / this.size.width;
  }

  draw() {
    const [left, top, right, bottom] = this.box;
    Object.assign(this.frame.style, { left: `${left * 100}%`, top: `${top * 100}%`, width: `${(right - left) * 100}%`, height: `${(bottom - top) * 100}%` });
    const [x, y, width, height] = this.pixels;
    this.frame.setAttribute("aria-label", t("picture.crop_is", { width, height, x, y }));
  }

  #set(box) {
    this.box = box.map((value) => Math.min(1, Math.max(0, value)));
    this.draw();
    this.onchange();
  }

  #at(event) {
    const area = this.node.getBoundingClientRect();
    return [(event.clientX - area.left) / area.width, (event.clientY - area.top) / area.height].map((value) => Math.min(1, Math.max(0, value)));
  }

  #down(event) {
    if (event.button) return;
    event.preventDefault();
    this.frame.focus({ preventScroll: true });
    const start = this.#at(event);
    const before = [...this.box];
    const { edge } = event.target.dataset;
    const isInside = this.frame.contains(event.target) && !this.isWhole;
    const move = edge ? (at) => this.#pull(edge, before, at) : isInside ? (at) => this.#shift(before, at[0] - start[0], at[1] - start[1])
      : (at) => this.#span(start, at);
    const area = this.node;
    area.setPointerCapture(event.pointerId);
    const moving = (moved) => move(this.#at(moved));
    const end = () => {
      area.removeEventListener("pointermove", moving);
      area.removeEventListener("pointerup", end);
      area.removeEventListener("pointercancel", end);
    };
    area.addEventListener("pointermove", moving);
    area.addEventListener("pointerup", end);
    area.addEventListener("pointercancel", end);
  }

  #shift([left, top, right, bottom], x, y) {
    const dx = Math.min(1 - right, Math.max(-left, x));
    const dy = Math.min(1 - bottom, Math.max(-top, y));
    this.#set([left + dx, top + dy, right + dx, bottom + dy]);
  }

  #span(from, to) {
    if (Math.abs(from[0] - to[0]) < LEAST || Math.abs(from[1] - to[1]) < LEAST) return;
    const edge = (to[1] < from[1] ? "n" : "s") + (to[0] < from[0] ? "w" : "e");
    this.#pull(edge, [from[0], from[1], from[0], from[1]], to);
  }

  /** One edge or corner goes to a point; the opposite one stays, and so does the shape where one is chosen. */
  #pull(edge, [left, top, right, bottom], [x, y]) {
    if (edge.includes("w")) left = Math.min(x, right - LEAST);
    if (edge.includes("e")) right = Math.max(x, left + LEAST);
    if (edge.includes("n")) top = Math.min(y, bottom - LEAST);
    if (edge.includes("s")) bottom = Math.max(y, top + LEAST);
    if (this.aspect) {
      const ratio = this.#ratio;
      let [width, height] = [right - left, bottom - top];
      if (edge === "n" || edge === "s") width = height * ratio;
      else height = width / ratio;
      const isUp = edge.includes("n");
      const isLeft = edge.includes("w");
      const room = [isLeft ? right : 1 - left, isUp ? bottom : 1 - top];
      const scale = Math.min(1, room[0] / width, room[1] / height);
      [width, height] = [width * scale, height * scale];
      if (isLeft) left = right - width;
      else right = left + width;
      if (isUp) top = bottom - height;
      else bottom = top + height;
    }
    this.#set([left, top, right, bottom]);
  }

  /** Arrows move, with Shift they pull the lower right corner, with Ctrl in small steps; + and - make it larger and smaller. */
  #key(event) {
    const step = event.ctrlKey || event.metaKey ? FINE : STEP;
    const way = { ArrowLeft: [-step, 0], ArrowRight: [step, 0], ArrowUp: [0, -step], ArrowDown: [0, step] }[event.key];
    const [, , right, bottom] = this.box;
    if (way && event.shiftKey) this.#pull(way[0] ? "e" : "s", this.box, [right + way[0], bottom + way[1]]);
    else if (way) this.#shift(this.box, ...way);
    else if (event.key === "+" || event.key === "-") this.#scale(event.key === "+" ? step : -step);
    else return;
    event.preventDefault();
    event.stopPropagation();
  }

  #scale(by) {
    const [left, top, right, bottom] = this.box;
    const factor = Math.max(LEAST / (right - left), Math.min(1 / (right - left), 1 / (bottom - top), 1 + (2 * by) / (right - left)));
    const [width, height] = [(right - left) * factor, (bottom - top) * factor];
    const x = Math.min(1 - width, Math.max(0, (left + right - width) / 2));
    const y = Math.min(1 - height, Math.max(0, (top + bottom - height) / 2));
    this.#set([x, y, x + width, y + height]);
  }
}
