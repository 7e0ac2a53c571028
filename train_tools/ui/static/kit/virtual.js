import { h } from "./dom.js";

/**
 * A grid of which only the visible rows are in the document. `count` items, each `width` × `height` px at least;
 * `draw(index)` gives a node. The node of an item stays while it is visible. `update(count)` redraws.
 * `roles` are those of the whole and of an item, where one can choose.
 */
export class VirtualGrid {
  constructor({ width, height, draw, gap = 8, label, overscan = 2, roles = ["list", "listitem"] }) {
    Object.assign(this, { width, height, draw, gap, overscan, itemRole: roles[1], count: 0, shown: new Map(), columns: 1 });
    this.inner = h("div", { class: "virtual-inner" });
    this.node = h("div", { class: "virtual", role: roles[0], "aria-label": label, tabindex: "0" }, this.inner);
    this.node.addEventListener("scroll", () => this.#later(), { passive: true });
    this.observer = new ResizeObserver(() => this.#later());
    this.observer.observe(this.node);
  }

  update(count) {
    this.count = count;
    this.inner.replaceChildren();
    this.shown.clear();
    this.#place();
  }

  /** Draws one item anew where it is visible. */
  refresh(index) {
    const old = this.shown.get(index);
    if (!old) return;
    const fresh = this.#item(index);
    old.replaceWith(fresh);
    this.shown.set(index, fresh);
  }

  scrollTo(index) {
    const row = Math.floor(index / this.columns);
    const top = row * (this.height + this.gap);
    const { scrollTop, clientHeight } = this.node;
    if (top < scrollTop) this.node.scrollTop = top;
    else if (top + this.height > scrollTop + clientHeight) this.node.scrollTop = top + this.height - clientHeight;
    this.#place();
  }

  end() {
    this.observer.disconnect();
  }

  #later() {
    if (this.waiting) return;
    this.waiting = true;
    requestAnimationFrame(() => ((this.waiting = false), this.#place()));
  }

  #place() {
    const room = this.node.clientWidth;
    const columns = Math.max(1, Math.floor((room + this.gap) / (this.width + this.gap)));
    if (columns !== this.columns) {
      this.columns = columns;
      this.inner.replaceChildren();
      this.shown.clear();
    }
    const step = this.height + this.gap;
    const rows = Math.ceil(this.count / columns);
    this.inner.style.height = `${Math.max(0, rows * step - this.gap)}px`;
    this.itemWidth = (room - this.gap * (columns - 1)) / columns;
    const first = Math.max(0, Math.floor(this.node.scrollTop / step) - this.overscan);
    const last = Math.min(rows, Math.ceil((this.node.scrollTop + this.node.clientHeight) / step) + this.overscan);
    const from = first * columns;
    const to = Math.min(this.count, last * columns);
    for (const [index, node] of this.shown) {
      if (index < from || index >= to) {
        node.remove();
        this.shown.delete(index);
      }
    }
    for (let index = from; index < to; index++) {
      const node = this.shown.get(index) ?? this.#item(index);
      this.#position(node, index);
      if (!this.shown.has(index)) {
        this.shown.set(index, node);
        this.inner.append(node);
      }
    }
  }

  #item(index) {
    const node = this.draw(index);
    node.classList.add("virtual-item");
    node.setAttribute("role", this.itemRole);
    this.#position(node, index);
    return node;
  }

  #position(node, index) {
    const column = index % this.columns;
    const row = Math.floor(index / this.columns);
    node.style.width = `${this.itemWidth}px`;
    node.style.height = `${this.height}px`;
    node.style.transform = `translate(${column * (this.itemWidth + this.gap)}px, ${row * (this.height + this.gap)}px)`;
  }
}
