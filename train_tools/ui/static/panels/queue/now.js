// What is being done now, by process: runs of one pack stand together, with their losses.

import * as api from "../../kit/api.js";
import { fill, h } from "../../kit/dom.js";
import { t } from "../../kit/texts.js";
import { colourOf, curve } from "./curve.js";
import { KeyedList } from "./keyed.js";
import { kindOf, nameOf, row } from "./row.js";

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

  /** Reads the curves of what is trained; the rows don't wait for them. */
  async drawCurves() {
    const trained = [...this.packs.parts.values()].filter((part) => part.entry.entries[0].kind === "train");
    const shown = trained.map((part) => part.entry.entries.slice(0, MOST_LINES));
    if (!shown.length) return;
    const points = await api.get("api/queue/curves", { ids: shown.flat().slice(0, 16).map((entry) => entry.id).join(",") });
    trained.forEach((part, index) => {
      const lines = shown[index].filter((entry) => points[entry.id]).map((entry) => [nameOf(entry), points[entry.id], colourOf(entry)]);
      fill(part.figure, curve(lines));
    });
  }

  #card(pack) {
    const title = h("h2");
    const list = h("ul", { class: "entries" });
    const figure = h("div", { class: "losses" });
    const node = h("div", { class: "card" }, title, h("div", { class: "now-columns" }, list, figure));
    const rows = new KeyedList(list, (entry) => row(entry, this.panel, { lead: dot(entry) }));
    const update = ({ entries }) => {
      const [first] = entries;
      title.textContent = entries.length > 1 ? t("queue.now_pack", { n: entries.length }) : t("queue.now_one", { kind: kindOf(first) });
      figure.hidden = first.kind !== "train";
      rows.show(entries);
    };
    update(pack);
    return { node, update, figure };
  }
}

const dot = (entry) => (entry.kind === "train" ? h("span", { class: "dot", style: { background: colourOf(entry) } }) : null);
