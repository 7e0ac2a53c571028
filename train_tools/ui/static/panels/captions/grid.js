// The images with their captions; only those in sight are in the document.

import * as api from "../../kit/api.js";
import { h } from "../../kit/dom.js";
import { t } from "../../kit/texts.js";
import { VirtualGrid } from "../../kit/virtual.js";
import { plain } from "./store.js";

export class Grid {
  /** `panel` has store, limit and select(name). */
  constructor(panel) {
    this.panel = panel;
    this.names = [];
    this.chosen = "";
    this.view = new VirtualGrid({ width: 290, height: 112, draw: (index) => this.#card(this.names[index]), label: t("captions.grid"),
      overscan: 3 });
    this.node = this.view.node;
    this.node.addEventListener("keydown", (event) => this.#key(event));
  }

  show(names) {
    const isSame = names.length === this.names.length && names.every((name, index) => name === this.names[index]);
    this.names = names;
    if (!isSame) this.view.update(names.length);
  }

  refresh(names) {
    const places = new Map(this.names.map((name, index) => [name, index]));
    for (const name of names) if (places.has(name)) this.view.refresh(places.get(name));
  }

  choose(name) {
    const before = this.chosen;
    this.chosen = name;
    this.refresh([before, name]);
    if (this.names.includes(name)) this.view.scrollTo(this.names.indexOf(name));
  }

  /** The caption before or behind the chosen one. */
  next(step) {
    const at = this.names.indexOf(this.chosen);
    return this.names[Math.max(0, Math.min(this.names.length - 1, at + step))];
  }

  #key(event) {
    const steps = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -this.view.columns, ArrowDown: this.view.columns, Home: -1e9, End: 1e9 };
    if (event.key === "Enter") this.panel.editor.focus();
    else if (!(event.key in steps)) return;
    else this.panel.select(this.next(steps[event.key]));
    event.preventDefault();
  }

  #card(name) {
    const { store, limit } = this.panel;
    const item = store.items.get(name);
    const text = store.textOf(name);
    const marks = [];
    if (store.isConflict(name)) marks.push(h("span", { class: "chip bad" }, t("captions.conflict")));
    else if (store.drafts.has(name)) marks.push(h("span", { class: "chip warn" }, t("captions.unsaved")));
    if (item.problem) marks.push(h("span", { class: "chip bad" }, t("captions.unreadable")));
    else if (item.text === null) marks.push(h("span", { class: "chip warn" }, t("captions.none")));
    else if (!plain(item.text).trim()) marks.push(h("span", { class: "chip warn" }, t("captions.empty")));
    if (item.tokens > limit) marks.push(h("span", { class: "chip warn" }, t("captions.tokens", { n: item.tokens })));
    const { project, version } = this.panel.context;
    const source = api.versionPath(project, version, item.image, "thumbs") + api.queryOf({ side: 192, v: item.stamp });
    return h("div", { class: `caption-card ${name === this.chosen ? "chosen" : ""}`, "aria-current": String(name === this.chosen),
      onclick: () => this.panel.select(name), ondblclick: () => this.panel.editor.focus() },
      h("img", { src: source, alt: "", loading: "lazy", width: 96, height: 96 }),
      h("div", { class: "caption-side" }, marks.length ? h("div", { class: "caption-marks" }, marks) : null,
        h("div", { class: "caption-text" }, text || item.problem),
        h("div", { class: "small muted caption-name" }, fileOf(item))));
  }
}

export const fileOf = (item) => item.image.split("/").pop();
