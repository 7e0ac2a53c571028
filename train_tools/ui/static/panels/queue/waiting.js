// What waits, in its order; rows are moved by dragging, or with Alt and the arrow keys.

import { h, icon } from "../../kit/dom.js";
import { number } from "../../kit/format.js";
import { t } from "../../kit/texts.js";
import { act } from "./actions.js";
import { FoldedList, KeyedList } from "./keyed.js";
import { nameOf, row } from "./row.js";

export class Waiting {
  constructor(panel, lane) {
    Object.assign(this, { panel, lane, entries: [], dragged: null });
    this.title = h("h2");
    const list = h("ul", { class: "entries", ondragover: (event) => this.#over(event), ondrop: (event) => this.#drop(event) });
    const more = h("button", { class: "more-rows", hidden: true });
    this.node = h("section", { class: "waiting" }, this.title, list, more);
    this.list = list;
    this.folded = new FoldedList(new KeyedList(list, (entry) => this.#row(entry)), more);
  }

  show(entries) {
    this.entries = entries;
    this.node.hidden = !entries.length;
    this.title.textContent = t("queue.waiting_title", { n: number(entries.length) });
    if (!this.dragged) this.folded.show(entries, (n) => t("queue.more", { n: number(n) }));
  }

  #row(entry) {
    const grip = h("button", { class: "quiet grip", draggable: "true", title: t("queue.grip"),
      "aria-label": t("queue.grip_of", { name: nameOf(entry) }),
      onkeydown: (event) => this.#key(event, entry.id) }, icon("grip"));
    const made = row(entry, this.panel, { lead: grip });
    grip.addEventListener("dragstart", (event) => {
      this.dragged = entry.id;
      event.dataTransfer.effectAllowed = "move";
      event.dataTransfer.setData("text/plain", String(entry.id));
      event.dataTransfer.setDragImage(made.node, 10, 10);
      made.node.classList.add("dragged");
    });
    grip.addEventListener("dragend", () => {
      this.dragged = null;
      made.node.classList.remove("dragged");
      this.#mark(null);
      this.show(this.entries);
    });
    return made;
  }

  #over(event) {
    if (!this.dragged) return;
    event.preventDefault();
    this.#mark(event.target.closest(".entry"), isBelow(event));
  }

  #mark(node, below) {
    for (const marked of this.list.querySelectorAll(".drop-before, .drop-after")) marked.classList.remove("drop-before", "drop-after");
    node?.classList.add(below ? "drop-after" : "drop-before");
  }

  async #drop(event) {
    const target = event.target.closest(".entry");
    if (!this.dragged || !target) return;
    event.preventDefault();
    const others = this.entries.map((entry) => entry.id).filter((id) => id !== this.dragged);
    const at = others.indexOf(Number(target.dataset.id)) + (isBelow(event) ? 1 : 0);
    const moved = this.dragged;
    this.dragged = null;
    if (Number(target.dataset.id) !== moved) await this.#move(moved, others, at);
  }

  async #key(event, id) {
    const step = { ArrowUp: -1, ArrowDown: 1 }[event.key];
    if (!step || !event.altKey) return;
    event.preventDefault();
    const grip = event.currentTarget;
    const ids = this.entries.map((entry) => entry.id);
    const at = ids.indexOf(id) + step;
    if (at < 0 || at >= ids.length) return;
    await this.#move(id, ids.filter((other) => other !== id), at);
    grip.focus();
  }

  #move(id, others, at) {
    return act(this.panel, "move", [id], { where: at < others.length ? others[at] : "last" });
  }
}

function isBelow(event) {
  const box = event.target.closest(".entry")?.getBoundingClientRect();
  return Boolean(box) && event.clientY > box.top + box.height / 2;
}
