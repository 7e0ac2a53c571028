// A mask painted over a picture: what is covered isn't learned.

import { h } from "../../kit/dom.js";
import { t } from "../../kit/texts.js";

const COLOUR = "#ff00c8";
export const SIZES = { least: 4, most: 400, usual: 60 };

export class Brush {
  /** `size` is what is drawn on, in pixels; `onchange()` hears of each stroke. */
  constructor(size, onchange) {
    Object.assign(this, { onchange, radius: SIZES.usual / 2, isErasing: false, strokes: [], undone: [], base: null });
    this.canvas = h("canvas", { class: "mask-canvas", width: size.width, height: size.height, "aria-label": t("picture.mask_area"), role: "img" });
    this.context = this.canvas.getContext("2d");
    this.ring = h("span", { class: "brush-ring", hidden: true });
    this.node = h("div", { class: "mask-area", onpointerdown: (event) => this.#down(event), onpointermove: (event) => this.#hover(event),
      onpointerleave: () => (this.ring.hidden = true), oncontextmenu: (event) => event.preventDefault() }, this.canvas, this.ring);
  }

  /** Begins with a mask of white (learned) and black, given as an address. */
  async load(address) {
    if (!address) return;
    const image = new Image();
    image.src = address;
    await image.decode();
    const { width, height } = this.canvas;
    const base = h("canvas", { width, height });
    const context = base.getContext("2d");
    context.drawImage(image, 0, 0, width, height);
    const pixels = context.getImageData(0, 0, width, height);
    for (let i = 0; i < pixels.data.length; i += 4) {
      pixels.data[i + 3] = 255 - pixels.data[i];
      [pixels.data[i], pixels.data[i + 1], pixels.data[i + 2]] = [255, 0, 200];
    }
    context.putImageData(pixels, 0, 0);
    this.base = base;
    this.#replay();
  }

  get isChanged() {
    return this.strokes.length > 0;
  }

  undo() {
    if (!this.strokes.length) return;
    this.undone.push(this.strokes.pop());
    this.#replay();
  }

  redo() {
    if (!this.undone.length) return;
    this.strokes.push(this.undone.pop());
    this.#replay();
  }

  /** "clear": all is learned; "all": nothing is; "invert". */
  apply(operation) {
    this.#add({ operation });
  }

  /** PNG of white (learned) and black. */
  async blob() {
    const { width, height } = this.canvas;
    const black = h("canvas", { width, height });
    const over = black.getContext("2d");
    over.drawImage(this.canvas, 0, 0);
    over.globalCompositeOperation = "source-in";
    over.fillStyle = "#000";
    over.fillRect(0, 0, width, height);
    const result = h("canvas", { width, height });
    const context = result.getContext("2d");
    context.fillStyle = "#fff";
    context.fillRect(0, 0, width, height);
    context.drawImage(black, 0, 0);
    return new Promise((resolve) => result.toBlob(resolve, "image/png"));
  }

  #at(event) {
    const area = this.canvas.getBoundingClientRect();
    return [((event.clientX - area.left) / area.width) * this.canvas.width, ((event.clientY - area.top) / area.height) * this.canvas.height];
  }

  #hover(event) {
    const area = this.canvas.getBoundingClientRect();
    const side = (this.radius * 2 * area.width) / this.canvas.width;
    this.ring.hidden = false;
    Object.assign(this.ring.style, { width: `${side}px`, height: `${side}px`, left: `${event.clientX - area.left - side / 2}px`, top: `${event.clientY - area.top - side / 2}px` });
  }

  #down(event) {
    if (event.button > 2 || event.button === 1) return;
    event.preventDefault();
    const stroke = { points: [this.#at(event)], radius: this.radius, isErasing: this.isErasing !== (event.button === 2 || event.altKey) };
    this.#draw(stroke, 0);
    this.node.setPointerCapture(event.pointerId);
    const moving = (moved) => {
      for (const one of moved.getCoalescedEvents?.() ?? [moved]) stroke.points.push(this.#at(one));
      this.#draw(stroke, Math.max(0, stroke.points.length - (moved.getCoalescedEvents?.().length ?? 1) - 1));
    };
    const end = () => {
      this.node.removeEventListener("pointermove", moving);
      this.node.removeEventListener("pointerup", end);
      this.node.removeEventListener("pointercancel", end);
      this.strokes.push(stroke);
      this.undone = [];
      this.onchange();
    };
    this.node.addEventListener("pointermove", moving);
    this.node.addEventListener("pointerup", end);
    this.node.addEventListener("pointercancel", end);
  }

  #add(stroke) {
    this.strokes.push(stroke);
    this.undone = [];
    this.#draw(stroke, 0);
    this.onchange();
  }

  #replay() {
    this.context.globalCompositeOperation = "source-over";
    this.context.clearRect(0, 0, this.canvas.width, this.canvas.height);
    if (this.base) this.context.drawImage(this.base, 0, 0);
    for (const stroke of this.strokes) this.#draw(stroke, 0);
    this.onchange();
  }

  #draw(stroke, from) {
    const { context } = this;
    const { width, height } = this.canvas;
    if (stroke.operation) {
      context.globalCompositeOperation = { clear: "destination-out", all: "source-over", invert: "xor" }[stroke.operation];
      context.fillStyle = COLOUR;
      context.fillRect(0, 0, width, height);
      return;
    }
    context.globalCompositeOperation = stroke.isErasing ? "destination-out" : "source-over";
    context.strokeStyle = COLOUR;
    context.lineWidth = stroke.radius * 2;
    context.lineCap = context.lineJoin = "round";
    context.beginPath();
    const [first, ...rest] = stroke.points.slice(from);
    context.moveTo(...first);
    context.lineTo(first[0] + 0.01, first[1]);
    for (const point of rest) context.lineTo(...point);
    context.stroke();
  }
}
