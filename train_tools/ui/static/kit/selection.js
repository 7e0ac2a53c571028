// Which rows of a grid are chosen, as file managers do it: click, Ctrl and Shift, Ctrl+A, arrows, Escape.

export class Selection {
  /** `keys()` are the rows' keys in their order; `onchange()` is called after each change. */
  constructor(keys, onchange) {
    Object.assign(this, { keys, onchange, chosen: new Set(), anchor: 0, at: 0 });
  }

  has = (key) => this.chosen.has(key);

  /** Those that are still there, in the order of the rows. */
  list() {
    return this.chosen.size ? this.keys().filter((key) => this.chosen.has(key)) : [];
  }

  click(index, { shiftKey, ctrlKey, metaKey }) {
    if (shiftKey) this.#range(index, ctrlKey || metaKey);
    else if (ctrlKey || metaKey) this.toggle(index);
    else this.only(index);
  }

  only(index) {
    this.chosen = new Set([this.keys()[index]]);
    this.#stand(index, true);
  }

  toggle(index) {
    const key = this.keys()[index];
    if (!this.chosen.delete(key)) this.chosen.add(key);
    this.#stand(index, true);
  }

  all() {
    this.chosen = new Set(this.keys());
    this.onchange();
  }

  none() {
    this.chosen = new Set();
    this.onchange();
  }

  /** Moves by keyboard; returns whether the key was one of ours. */
  key(event, columns) {
    const last = this.keys().length - 1;
    const steps = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: columns, ArrowUp: -columns };
    const ends = { Home: 0, End: last };
    if (event.key === "a" && (event.ctrlKey || event.metaKey)) this.all();
    else if (event.key === "Escape" && this.chosen.size) this.none();
    else if (event.key === " ") this.toggle(this.at);
    else if (event.key in steps || event.key in ends) {
      const index = Math.min(last, Math.max(0, ends[event.key] ?? this.at + steps[event.key]));
      if (event.shiftKey) this.#range(index, false);
      else if (event.ctrlKey || event.metaKey) this.#stand(index, false);
      else this.only(index);
    } else return false;
    return true;
  }

  #range(index, adds) {
    const keys = this.keys();
    const [from, to] = [Math.min(this.anchor, index), Math.max(this.anchor, index)];
    this.chosen = new Set([...(adds ? this.chosen : []), ...keys.slice(from, to + 1)]);
    this.#stand(index, false);
  }

  #stand(index, isAnchor) {
    this.at = index;
    if (isAnchor) this.anchor = index;
    this.onchange();
  }
}
