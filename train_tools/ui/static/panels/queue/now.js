// What is being done now, by process: runs of one pack stand together, with their losses and the
// pictures that they drew.

import * as api from "../../kit/api.js";
import { fill, h } from "../../kit/dom.js";
import { t } from "../../kit/texts.js";
import { colourOf, curve } from "./curve.js";
import { KeyedList } from "./keyed.js";
import { kindOf, nameOf, row } from "./row.js";
import { strip } from "./strip.js";

const MOST_LINES = 8;

export class Now {
  constructor(panel) {
    this.panel = panel;
    this.node = h("section", { class: "now", "aria-label": t("queue.now") });
    this.packs = new KeyedList(this.node, (pack) => this.#card(pack), (pack) => pack.key);
  }

  show(running) {
    const packs = new Map();
    for (const entry of running) {
      const key = entry.pack ? `${entry.lane}-${entry.pack}` : `entry-${entry.id}`;
      if (!packs.has(key)) packs.set(key, { key, entries: [] });
      packs.get(key).entries.push(entry);
    }
    this.node.hidden = !packs.size;
    this.packs.show([...packs.values()]);
  }

  /** Reads the losses and pictures of what is trained; the rows don't wait for them. */
  async drawWatched() {
    const trained = [...this.packs.parts.values()].filter((part) => part.entry.entries[0].kind === "train");
    const shown = trained.map((part) => part.entry.entries.slice(0, MOST_LINES));
    if (!shown.length) return;
    const found = await api.get("api/queue/watched", { ids: shown.flat().slice(0, 16).map((entry) => entry.id).join(",") });
    trained.forEach((part, index) => {
      const entries = shown[index].filter((entry) => found[entry.id]);
      fill(part.figure, curve(entries.map((entry) => [nameOf(entry), found[entry.id].points, colourOf(entry)])));
      for (const entry of entries) part.strips.get(entry.id)?.update(found[entry.id].samples, found[entry.id].points, entry);
    });
  }

  #card(pack) {
    const title = h("h2");
    const list = h("ul", { class: "entries" });
    const figure = h("div", { class: "losses" });
    const node = h("div", { class: "card" }, title, h("div", { class: "now-columns" }, list, figure));
    const strips = new Map();
    const make = (entry) => {
      const made = row(entry, this.panel, { lead: dot(entry) });
      strips.set(entry.id, strip());
      made.node.append(strips.get(entry.id).node);
      return made;
    };
    const rows = new KeyedList(list, make);
    const update = ({ entries }) => {
      const [first] = entries;
      title.textContent = entries.length > 1 ? t("queue.now_pack", { n: entries.length }) : t("queue.now_one", { kind: kindOf(first) });
      figure.hidden = first.kind !== "train";
      rows.show(entries);
    };
    update(pack);
    return { node, update, figure, strips };
  }
}

const dot = (entry) => (entry.kind === "train" ? h("span", { class: "dot", style: { background: colourOf(entry) } }) : null);
