// The board's table: only what is visible is in the document, headers stay in sight, pictures load once scrolling rests.

import { fill, h, icon } from "../../kit/dom.js";
import { t } from "../../kit/texts.js";
import { axisName, shortly } from "./model.js";

const GAP = 4;
const REST = 70; // milliseconds without scrolling after which pictures are asked for
const OVERSCAN = 1;

export class Grid {
  /** `thumb(cell)` is a picture's address; `open(row, column)` and `keys(event, row, column)` hear of the person. */
  constructor({ thumb, open, keys }) {
    Object.assign(this, { thumb, open, keys, size: 128, shown: new Map(), lines: new Map(), heads: new Map(), sides: new Map(), row: 0, column: 0 });
    this.head = h("div", { class: "board-head", "aria-hidden": "true" }); // each tile says its row and column
    this.corner = h("div", { class: "board-corner", "aria-hidden": "true" });
    this.side = h("div", { class: "board-side", "aria-hidden": "true" });
    this.cells = h("div", { class: "board-cells" });
    this.inner = h("div", { class: "board-inner" }, this.head, this.corner, this.side, this.cells);
    this.node = h("div", { class: "board", role: "grid", tabindex: "0", "aria-label": t("compare.board") }, this.inner);
    this.node.addEventListener("scroll", () => this.#scrolled(), { passive: true });
    this.node.addEventListener("keydown", (event) => this.#key(event));
    this.observer = new ResizeObserver(() => this.#later());
    this.observer.observe(this.node);
  }

  update(model, size) {
    const first = !this.model;
    this.model = model;
    this.size = size;
    this.row = Math.min(this.row, Math.max(0, model.rows - 1));
    this.column = Math.min(this.column, Math.max(0, model.columns - 1));
    this.sideWidth = model.table.rows.length ? Math.min(240, Math.max(120, this.node.clientWidth * 0.2 || 200)) : 0;
    this.headHeight = model.table.columns.length ? 20 + 18 * model.table.columns.length : 0;
    for (const map of [this.shown, this.lines, this.heads, this.sides]) map.clear();
    for (const layer of [this.cells, this.side, this.head]) layer.replaceChildren();
    this.node.setAttribute("aria-rowcount", model.rows);
    this.node.setAttribute("aria-colcount", model.columns);
    this.#measure();
    this.#place();
    if (first) this.#load();
    else this.#loadSoon();
  }

  /** Draws the marks of all visible tiles anew. */
  refresh() {
    for (const [place, tile] of this.shown) this.#dress(tile, place);
  }

  goTo(row, column, { focus = false } = {}) {
    this.row = Math.max(0, Math.min(row, this.model.rows - 1));
    this.column = Math.max(0, Math.min(column, this.model.columns - 1));
    const step = this.size + GAP;
    const { node } = this;
    const top = this.row * step;
    const left = this.column * step;
    const height = node.clientHeight - this.headHeight;
    const width = node.clientWidth - this.sideWidth;
    if (top < node.scrollTop) node.scrollTop = top;
    else if (top + step > node.scrollTop + height) node.scrollTop = top + step - height;
    if (left < node.scrollLeft) node.scrollLeft = left;
    else if (left + step > node.scrollLeft + width) node.scrollLeft = left + step - width;
    this.#place();
    this.#current();
    if (focus) node.focus({ preventScroll: true });
  }

  end() {
    this.observer.disconnect();
    clearTimeout(this.timer);
  }

  #measure() {
    const step = this.size + GAP;
    const { model } = this;
    Object.assign(this.inner.style, { width: `${this.sideWidth + model.columns * step}px`, height: `${this.headHeight + model.rows * step}px` });
    Object.assign(this.head.style, { height: `${this.headHeight}px` });
    Object.assign(this.side.style, { width: `${this.sideWidth}px`, height: `${model.rows * step}px` });
    Object.assign(this.corner.style, { width: `${this.sideWidth}px`, height: `${this.headHeight}px`, marginTop: `-${this.headHeight}px` });
    Object.assign(this.cells.style, { left: `${this.sideWidth}px`, top: `${this.headHeight}px` });
    fill(this.corner, h("span", null, model.table.rows.map(axisName).join(" · ")), h("span", null, model.table.columns.map(axisName).join(" · ")));
  }

  #scrolled() {
    this.#later();
    this.#loadSoon();
  }

  #later() {
    if (this.waiting || !this.model) return;
    this.waiting = true;
    requestAnimationFrame(() => {
      this.waiting = false;
      this.#place();
      this.#loadSoon();
    });
  }

  #loadSoon() {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.#load(), REST);
  }

  #load() {
    for (const tile of this.shown.values()) {
      const image = tile.firstChild;
      if (image?.dataset?.src && !image.src) image.src = image.dataset.src;
    }
  }

  #range() {
    const step = this.size + GAP;
    const { node, model } = this;
    return {
      top: Math.max(0, Math.floor(node.scrollTop / step) - OVERSCAN),
      bottom: Math.min(model.rows, Math.ceil((node.scrollTop + node.clientHeight - this.headHeight) / step) + OVERSCAN),
      left: Math.max(0, Math.floor(node.scrollLeft / step)),
      right: Math.min(model.columns, Math.ceil((node.scrollLeft + node.clientWidth - this.sideWidth) / step)),
    };
  }

  #place() {
    const { model } = this;
    if (!model || !this.node.clientHeight) return;
    const step = this.size + GAP;
    const see = this.#range();
    const inside = (place) => {
      const row = Math.floor(place / model.columns);
      const column = place % model.columns;
      return row >= see.top && row < see.bottom && column >= see.left && column < see.right;
    };
    prune(this.shown, inside);
    prune(this.lines, (row) => row >= see.top && row < see.bottom);
    prune(this.sides, (row) => row >= see.top && row < see.bottom);
    prune(this.heads, (column) => column >= see.left && column < see.right);
    for (let column = see.left; column < see.right; column++) {
      if (!this.heads.has(column)) keep(this.heads, column, this.head, this.#label(model.columnTexts(column), { left: `${this.sideWidth + column * step}px`, width: `${this.size}px` }));
    }
    for (let row = see.top; row < see.bottom; row++) {
      if (!this.sides.has(row)) keep(this.sides, row, this.side, this.#label(model.rowTexts(row), { top: `${row * step}px`, height: `${this.size}px` }));
      for (let column = see.left; column < see.right; column++) {
        const place = row * model.columns + column;
        if (model.table.grid[place] >= 0 && !this.shown.has(place)) keep(this.shown, place, this.#line(row), this.#tile(row, column, place));
      }
    }
    this.#current();
  }

  #line(row) {
    if (!this.lines.has(row)) keep(this.lines, row, this.cells, h("div", { class: "board-line", role: "row", "aria-rowindex": row + 1 }));
    return this.lines.get(row);
  }

  #label(texts, style) {
    return h("div", { class: "board-label", style, title: shortly(texts) }, texts.map(([name, text]) =>
      h("span", { class: name === "run" ? "strong" : "" }, name === "run" || name === "prompt" ? text : h("small", null, axisName(name), " "), name === "run" || name === "prompt" ? null : text)));
  }

  #tile(row, column, place) {
    const step = this.size + GAP;
    const cell = this.model.at(row, column);
    const label = shortly(this.model.texts(row, column));
    const failed = this.model.error(cell);
    const picture = failed
      ? h("span", { class: "tile-error", title: failed }, icon("warning", failed))
      : h("img", { alt: label, decoding: "async", draggable: "false", dataset: { src: this.thumb(cell) }, onerror: (event) => event.target.replaceWith(h("span", { class: "tile-error", title: t("compare.no_picture") }, icon("warning", t("compare.no_picture")))) });
    const tile = h("div", {
      class: "tile", role: "gridcell", id: `tile-${place}`, title: label, "aria-colindex": column + 1,
      style: { width: `${this.size}px`, height: `${this.size}px`, transform: `translate(${column * step}px, ${row * step}px)` },
      onclick: () => (this.goTo(row, column, { focus: true }), this.open(row, column)),
    }, picture, h("span", { class: "tile-marks" }));
    this.#dress(tile, place);
    return tile;
  }

  #dress(tile, place) {
    const cell = this.model.table.grid[place];
    const mark = this.model.mark(cell);
    tile.classList.toggle("rejected", mark === "reject" || this.model.cellMark(cell) === "reject");
    fill(tile.lastChild, mark === "star" ? icon("star", t("compare.starred")) : null, this.model.cellMark(cell) === "star" ? icon("check", t("compare.best_picture")) : null);
  }

  #current() {
    this.cells.querySelector(".tile.current")?.classList.remove("current");
    const place = this.row * this.model.columns + this.column;
    this.shown.get(place)?.classList.add("current");
    this.node.setAttribute("aria-activedescendant", `tile-${place}`);
  }

  #key(event) {
    if (event.target !== this.node || event.ctrlKey || event.metaKey || event.altKey || !this.model?.rows) return;
    const page = Math.max(1, Math.floor((this.node.clientHeight - this.headHeight) / (this.size + GAP)));
    const moves = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1], PageUp: [-page, 0], PageDown: [page, 0], Home: [0, -1e9], End: [0, 1e9] };
    if (moves[event.key]) this.goTo(this.row + moves[event.key][0], this.column + moves[event.key][1]);
    else if (event.key === "Enter" || event.key === " ") this.open(this.row, this.column);
    else if (!this.keys(event, this.row, this.column)) return;
    event.preventDefault();
  }
}

function prune(map, inside) {
  for (const [place, node] of map) {
    if (inside(place)) continue;
    const image = node.firstChild;
    if (image?.tagName === "IMG" && !image.complete) image.removeAttribute("src"); // it isn't waited for any more
    node.remove();
    map.delete(place);
  }
}

function keep(map, place, layer, node) {
  map.set(place, node);
  layer.append(node);
}
