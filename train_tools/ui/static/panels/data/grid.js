// A virtual grid of thumbnails that can be chosen: for originals and for what was made of them.

import * as api from "../../kit/api.js";
import { h, icon } from "../../kit/dom.js";
import { t } from "../../kit/texts.js";
import { VirtualGrid } from "../../kit/virtual.js";
import { Selection } from "../../kit/selection.js";

const WIDTH = 118;
const HEIGHT = 146;
const FOLD = 0.55; // of the window's height is seen at first
const SIDE = 192; // pixels of a thumbnail

export const thumbOf = (context, file, token, side = SIDE) =>
  `${api.versionPath(context.project, context.version, file, "thumbs")}?side=${side}&v=${token}`;
export const fileOf = (context, file) => api.versionPath(context.project, context.version, file, "files");

/**
 * `rows` are { key, file, token, name, marks: [[kind, text]] }. `open(index)` shows one whole, `remove()` is asked for by
 * the Delete key, `onselect()` hears of each change of what is chosen, `edit()` of
 * the key E. With `dragged`, a kind of data, the chosen pictures can be dragged to somewhere.
 */
export class PictureGrid {
  constructor({ context, label, open, remove, edit, dragged, onselect }) {
    Object.assign(this, { context, open, remove, edit, dragged, rows: [], onselect: onselect ?? (() => {}) });
    this.id = `grid-${Math.random().toString(36).slice(2, 8)}`;
    this.grid = new VirtualGrid({ width: WIDTH, height: HEIGHT, label, draw: (index) => this.#cell(index), roles: ["listbox", "option"], fold: Math.max(300, innerHeight * FOLD) });
    this.selection = new Selection(() => this.rows.map((row) => row.key), () => this.#changed());
    this.node = this.grid.node;
    this.node.classList.add("pictures");
    this.node.setAttribute("aria-multiselectable", "true");
    this.node.addEventListener("keydown", (event) => this.#key(event));
  }

  show(rows) {
    this.rows = rows;
    this.selection.at = Math.min(this.selection.at, Math.max(0, rows.length - 1));
    this.grid.update(rows.length);
    this.#changed();
  }

  end() {
    this.grid.end();
  }

  #cell(index) {
    const row = this.rows[index];
    const image = h("img", { src: thumbOf(this.context, row.file, row.token), alt: "", decoding: "async", draggable: "false", onerror: () => image.replaceWith(icon("warning")) });
    return h("div", {
      class: `picture ${index === this.selection.at ? "current" : ""}`, id: `${this.id}-${index}`, "aria-selected": String(this.selection.has(row.key)),
      title: row.name,
      onclick: (event) => this.selection.click(index, event), ondblclick: () => this.open(index),
      draggable: this.dragged ? "true" : undefined, ondragstart: (event) => this.#drag(event, index),
    },
      h("div", { class: "frame" }, image),
      h("div", { class: "caption small" }, row.name),
      h("div", { class: "marks" }, row.marks.map(([kind, text]) => h("span", { class: `chip ${kind}` }, text))),
      h("span", { class: "look", "aria-hidden": "true", title: t("data.look", { name: row.name }), onclick: (event) => (event.stopPropagation(), this.open(index)) }, icon("search")));
  }

  #drag(event, index) {
    if (!this.selection.has(this.rows[index].key)) this.selection.only(index);
    event.dataTransfer.setData(this.dragged, "");
    event.dataTransfer.effectAllowed = "move";
  }

  #changed() {
    for (const [index, node] of this.grid.shown) {
      node.setAttribute("aria-selected", String(this.selection.has(this.rows[index]?.key)));
      node.classList.toggle("current", index === this.selection.at);
    }
    if (this.rows.length) this.node.setAttribute("aria-activedescendant", `${this.id}-${this.selection.at}`);
    this.onselect();
  }

  #key(event) {
    if (!this.rows.length) return;
    if (event.key === "Enter") this.open(this.selection.at);
    else if (event.key === "Delete" && this.remove) this.remove();
    else if (!this.selection.key(event, this.grid.columns)) return;
    this.grid.scrollTo(this.selection.at);
    event.preventDefault();
  }
}
