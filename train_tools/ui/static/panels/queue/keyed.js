/**
 * Keeps a list's nodes in step with its entries: each node stays as long as its entry does, so that focus and an open
 * part survive. `make(entry)` gives { node, update(entry) }.
 */
export class KeyedList {
  constructor(node, make, keyOf = (entry) => entry.id) {
    Object.assign(this, { node, make, keyOf, parts: new Map() });
  }

  show(entries) {
    const keys = new Set(entries.map(this.keyOf));
    for (const [key, part] of this.parts) {
      if (keys.has(key)) continue;
      part.node.remove();
      this.parts.delete(key);
    }
    entries.forEach((entry, index) => {
      const key = this.keyOf(entry);
      let part = this.parts.get(key);
      if (!part) this.parts.set(key, (part = this.make(entry)));
      else if (part.entry !== entry) part.update(entry);
      part.entry = entry;
      const there = this.node.children[index];
      if (there !== part.node) this.node.insertBefore(part.node, there || null);
    });
  }
}

/** The first `most` of many, and a button for more: a thousand rows are never drawn at once. */
export class FoldedList {
  constructor(list, more, most = 50) {
    Object.assign(this, { list, more, most, step: 200, entries: [] });
    more.addEventListener("click", () => {
      this.most += this.step;
      this.show(this.entries);
    });
  }

  show(entries, textOf = this.textOf) {
    this.entries = entries;
    this.textOf = textOf;
    this.list.show(entries.slice(0, this.most));
    const hidden = entries.length - this.most;
    this.more.hidden = hidden <= 0;
    if (hidden > 0) this.more.textContent = textOf(hidden);
  }
}
