import { fill, h, icon } from "./dom.js";
import { number } from "./format.js";
import { t } from "./texts.js";

/**
 * A grid of which only the visible rows are in the document. `count` items, each `width` × `height` px at least;
 * `draw(index)` gives a node. The node of an item stays while it is visible. `update(count)` redraws.
 * `roles` are those of the whole and of an item, where one can choose.
 * It scrolls by itself; with `fold`, a height in px that it takes at first, it is as long as it needs and scrolls with the
 * panel: `more` unfolds it, and stands behind it where there is more than that.
 */
export class VirtualGrid {
  constructor({ width, height, draw, gap = 8, label, overscan = 2, roles = ["list", "listitem"], fold = 0 }) {
    Object.assign(this, { width, height, draw, gap, overscan, itemRole: roles[1], count: 0, shown: new Map(), columns: 1, fold, isFolded: fold > 0 });
    this.inner = h("div", { class: "virtual-inner" });
    this.node = h("div", { class: `virtual ${fold ? "flowing" : ""}`, role: roles[0], "aria-label": label, tabindex: "0" }, this.inner);
    this.more = h("button", { type: "button", class: "virtual-more", hidden: true, onclick: () => this.#unfold(this.isFolded) });
    this.onscroll = () => this.#later();
    this.node.addEventListener("scroll", this.onscroll, { passive: true });
    this.observer = new ResizeObserver(this.onscroll);
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
    const top = Math.floor(index / this.columns) * (this.height + this.gap);
    if (this.isFolded && top + this.height > this.#folded()) this.#unfold(true);
    const [from, to] = this.#window();
    if (top < from) this.#scrollBy(top - from);
    else if (top + this.height > to) this.#scrollBy(top + this.height - to);
    this.#place();
  }

  end() {
    this.observer.disconnect();
    this.scroller?.removeEventListener("scroll", this.onscroll);
  }

  #later() {
    if (this.waiting) return;
    this.waiting = true;
    requestAnimationFrame(() => ((this.waiting = false), this.#place()));
  }

  /** What of it can be seen, from and to, in px from its head. The rows of a fold are few, and always there. */
  #window() {
    if (!this.fold) return [this.node.scrollTop, this.node.scrollTop + this.node.clientHeight];
    const scroller = this.#scroller();
    if (!scroller) return [0, 0];
    const from = scroller.getBoundingClientRect().top - this.node.getBoundingClientRect().top;
    return [Math.max(0, from), from + scroller.clientHeight];
  }

  /** The panel; it is known once the grid stands in it. */
  #scroller() {
    this.scroller ??= this.node.closest("#panel");
    if (this.scroller && !this.isListening) {
      this.scroller.addEventListener("scroll", this.onscroll, { passive: true });
      this.observer.observe(this.scroller.firstElementChild); // what stands above it may grow
      this.isListening = true;
    }
    return this.scroller;
  }

  #scrollBy(way) {
    (this.fold ? this.#scroller() : this.node)?.scrollBy({ top: way, behavior: "instant" });
  }

  /** As many whole rows as the fold has room for. */
  #folded() {
    const step = this.height + this.gap;
    return Math.max(1, Math.floor((this.fold + this.gap) / step)) * step - this.gap;
  }

  #unfold(whole) {
    this.isFolded = !whole;
    this.#place();
    if (this.isFolded) this.node.scrollIntoView({ block: "nearest" }); // it has become short, far above
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
    const whole = Math.max(0, rows * step - this.gap);
    const height = this.isFolded ? Math.min(whole, this.#folded()) : whole;
    this.inner.style.height = `${height}px`;
    if (this.fold) this.#sayMore(whole);
    this.itemWidth = (room - this.gap * (columns - 1)) / columns;
    const [top, bottom] = this.isFolded ? [0, height] : this.#window();
    const first = Math.max(0, Math.floor(top / step) - this.overscan);
    const last = Math.min(Math.ceil(height / step), Math.ceil(bottom / step) + this.overscan);
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

  #sayMore(whole) {
    this.more.hidden = whole <= this.#folded();
    if (this.more.hidden) return;
    const words = this.isFolded ? t("kit.show_all", { n: number(this.count) }) : t("kit.show_fewer");
    this.more.setAttribute("aria-expanded", String(!this.isFolded));
    if (this.more.textContent !== words) fill(this.more, words, icon(this.isFolded ? "down" : "up"));
    if (!this.more.isConnected) this.node.after(this.more);
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
