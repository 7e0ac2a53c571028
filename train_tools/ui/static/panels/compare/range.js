// A part of a chart's x axis, chosen by dragging (mouse, pen or finger) or by keys.

const LEAST = 8; // pixels; less is a click

export class Range {
  /**
   * `node` holds the chart, `margin` is the space around its lines. `back(pixel)` gives x, `all()` and `shown()` the whole
   * range and the part that is shown (or null), `zoom(part)` shows another.
   */
  constructor(node, margin, { back, all, shown, zoom }) {
    Object.assign(this, { node, margin, back, all, shown, zoom, held: false });
    this.mark = Object.assign(document.createElement("div"), { className: "compare-chart-part", hidden: true });
    node.append(this.mark);
    node.addEventListener("pointerdown", (event) => this.#press(event));
    node.addEventListener("dblclick", () => this.shown() && this.zoom(null));
    node.addEventListener("keydown", (event) => this.#key(event));
  }

  #press(event) {
    if (event.button !== 0 || event.target.closest("button") || this.back(0) === undefined) return;
    const box = this.node.getBoundingClientRect();
    const inside = (x) => Math.max(this.margin.left, Math.min(box.width - this.margin.right, x - box.left));
    const start = inside(event.clientX);
    let end = start;
    const move = (at) => {
      end = inside(at.clientX);
      this.held = Math.abs(end - start) >= LEAST;
      this.mark.hidden = !this.held;
      Object.assign(this.mark.style, { left: `${Math.min(start, end)}px`, width: `${Math.abs(end - start)}px` });
    };
    const finish = (at) => {
      const chosen = this.held && at.type === "pointerup";
      this.held = false;
      this.mark.hidden = true;
      for (const [name, work] of [["pointermove", move], ["pointerup", finish], ["pointercancel", finish]]) removeEventListener(name, work);
      if (chosen) this.zoom([this.back(Math.min(start, end)), this.back(Math.max(start, end))]);
    };
    for (const [name, work] of [["pointermove", move], ["pointerup", finish], ["pointercancel", finish]]) addEventListener(name, work);
  }

  #key(event) {
    if (event.target !== this.node || event.ctrlKey || event.metaKey || event.altKey || !this.all()) return;
    const [from, to] = this.shown() ?? this.all();
    const width = to - from;
    const parts = {
      "+": () => [from + width / 4, to - width / 4],
      "-": () => [from - width / 2, to + width / 2],
      ArrowLeft: () => [from - width / 4, to - width / 4],
      ArrowRight: () => [from + width / 4, to + width / 4],
      0: () => null,
    };
    const asked = parts[event.key === "=" ? "+" : event.key];
    if (!asked) return;
    event.preventDefault();
    this.zoom(this.#within(asked()));
  }

  /** Moved or cut so that it lies in the whole; null where it is the whole. */
  #within(part) {
    const [low, high] = this.all();
    if (!part || part[1] - part[0] >= high - low) return null;
    const shift = Math.max(0, low - part[0]) - Math.max(0, part[1] - high);
    return [part[0] + shift, part[1] + shift];
  }
}
