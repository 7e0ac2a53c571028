// The images with their captions; only those in sight are in the document. Chosen as in a file manager.

import * as api from "../../kit/api.js";
import { h } from "../../kit/dom.js";
import { Selection } from "../../kit/selection.js";
import { t } from "../../kit/texts.js";
import { VirtualGrid } from "../../kit/virtual.js";
import { plain } from "./store.js";

export class Grid {
  /** `panel` has store, limit and chosen(), which hears of each change. */
  constructor(panel) {
    this.panel = panel;
    this.names = [];
    this.current = ""; // the caption that one stands at, also while a filter hides it
    this.selection = new Selection(() => this.names, () => this.#changed());
    this.view = new VirtualGrid({ width: 290, height: 112, draw: (index) => this.#card(index), label: t("captions.grid"),
      overscan: 3, roles: ["listbox", "option"] });
    this.node = this.view.node;
    this.node.setAttribute("aria-multiselectable", "true");
    this.node.addEventListener("keydown", (event) => this.#key(event));
  }

  show(names) {
    const isSame = names.length === this.names.length && names.every((name, index) => name === this.names[index]);
    this.names = names;
    if (isSame) return;
    this.selection.at = Math.max(0, names.indexOf(this.current));
    this.selection.anchor = this.selection.at;
    this.view.update(names.length);
    this.#mark();
    this.panel.chosen();
  }

  refresh(names) {
    const places = new Map(this.names.map((name, index) => [name, index]));
    for (const name of names) if (places.has(name)) this.view.refresh(places.get(name));
  }

  /** Chooses one alone. */
  choose(name) {
    this.current = name;
    const index = this.names.indexOf(name);
    if (index >= 0) this.selection.only(index);
    else this.panel.chosen();
  }

  /** The names that are chosen, where they are several. */
  get several() {
    const names = this.selection.list();
    return names.length > 1 ? names : [];
  }

  /** The caption before or behind the one that one stands at. */
  next(step) {
    const at = this.names.indexOf(this.current);
    return this.names[Math.max(0, Math.min(this.names.length - 1, at + step))];
  }

  #changed() {
    this.current = this.names[this.selection.at] ?? this.current;
    if (this.names.length) this.view.scrollTo(this.selection.at);
    this.#mark();
    this.panel.chosen();
  }

  #mark() {
    for (const [index, node] of this.view.shown) this.#markOne(node, index);
    if (this.names.length) this.node.setAttribute("aria-activedescendant", `caption-${this.selection.at}`);
    else this.node.removeAttribute("aria-activedescendant");
  }

  #markOne(node, index) {
    const name = this.names[index];
    node.setAttribute("aria-selected", String(this.selection.has(name)));
    node.classList.toggle("chosen", this.selection.has(name));
    node.classList.toggle("current", name === this.current);
  }

  #key(event) {
    if (event.altKey) return;
    if (event.key === "Enter") this.panel.toEditor();
    else if (!this.selection.key(event, this.view.columns)) return;
    event.preventDefault();
  }

  #card(index) {
    const name = this.names[index];
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
    const node = h("div", { class: "caption-card", id: `caption-${index}`,
      onclick: (event) => this.selection.click(index, event), ondblclick: () => this.panel.toEditor() },
      h("img", { src: source, alt: "", loading: "lazy", width: 96, height: 96, draggable: "false" }),
      h("div", { class: "caption-side" }, marks.length ? h("div", { class: "caption-marks" }, marks) : null,
        h("div", { class: "caption-text" }, text || item.problem),
        h("div", { class: "small muted caption-name" }, fileOf(item))));
    this.#markOne(node, index);
    return node;
  }
}

export const fileOf = (item) => item.image.split("/").pop();
