// Which captions are shown: by text, by state, by concept, by tags that are there or missing.

import { fill, h, icon } from "../../kit/dom.js";
import * as place from "../../kit/place.js";
import { t } from "../../kit/texts.js";
import { settle } from "../../kit/wait.js";
import { suggesting } from "./suggest.js";

const STATES = ["all", "untagged", "missing", "empty", "long"];

export class FilterBar {
  constructor(panel) {
    this.panel = panel;
    this.has = [];
    this.lacks = [];
    this.only = []; // image names, as a check found them
    const later = settle(() => this.#changed(), 250);
    this.text = h("input", { type: "search", placeholder: t("captions.search"), "aria-label": t("captions.search"), oninput: later });
    suggesting(this.text, panel, { own: true, pick: (tag) => this.#pick(tag) });
    this.state = h("select", { "aria-label": t("captions.state"), onchange: () => this.#changed() },
      STATES.map((name) => h("option", { value: name }, t(`captions.state_${name}`))));
    this.concept = h("select", { "aria-label": t("captions.concept"), hidden: true, onchange: () => this.#changed() });
    this.chips = h("div", { class: "row tight" });
    this.count = h("span", { class: "muted small", role: "status" });
    this.all = h("button", { class: "link small", onclick: () => (panel.grid.selection.all(), panel.grid.node.focus()) }, t("together.all"));
    this.node = h("div", { class: "row caption-filter" }, this.text, this.state, this.concept, this.chips, h("span", { class: "space" }),
      this.count, this.all);
    this.#read();
  }

  /** As the server takes it. */
  get value() {
    const state = this.state.value;
    const value = { all_of: this.has, none_of: this.lacks };
    if (this.text.value.trim()) value.text = this.text.value.trim();
    if (state === "untagged" || state === "missing") value.is_missing = true;
    if (state === "untagged" || state === "empty") value.is_empty = true;
    if (state === "long") value.longer = this.panel.limit;
    const concept = this.known === undefined ? this.wanted : this.concept.value;
    if (concept) value.concepts = [concept];
    if (this.only.length) value.images = this.only;
    return value;
  }

  get isEverything() {
    const { all_of: has, none_of: lacks, ...rest } = this.value;
    return !has.length && !lacks.length && !Object.keys(rest).length;
  }

  /** none → has → lacks → none, as one clicks. */
  turn(tag) {
    if (this.has.includes(tag)) this.#set(without(this.has, tag), [...this.lacks, tag]);
    else if (this.lacks.includes(tag)) this.#set(this.has, without(this.lacks, tag));
    else this.#set([...this.has, tag], this.lacks);
  }

  /** A tag that was chosen below the field for text. */
  #pick(tag) {
    this.text.value = "";
    this.#set([...without(this.has, tag), tag], without(this.lacks, tag));
  }

  /** All captions with it, and nothing else asked. */
  onlyTag(tag) {
    this.clear();
    this.#set([tag], []);
  }

  clear() {
    this.showOnly({});
    if (!this.concept.value) return;
    this.concept.value = "";
    this.#changed();
  }

  stateOf(tag) {
    return this.has.includes(tag) ? "has" : this.lacks.includes(tag) ? "lacks" : "";
  }

  /** Shows just these images, or those in a state. */
  showOnly({ images = [], state = "all" }) {
    this.text.value = "";
    this.state.value = state;
    this.only = images;
    this.#set([], []);
  }

  concepts(counts) {
    const names = Object.keys(counts);
    this.concept.hidden = names.length < 2;
    const key = names.join("/");
    if (this.known === key) return;
    this.known = key;
    const now = this.concept.value || this.wanted;
    fill(this.concept, h("option", { value: "" }, t("captions.every_concept")),
      names.map((name) => h("option", { value: name, selected: name === now }, name)));
  }

  #set(has, lacks) {
    Object.assign(this, { has, lacks });
    this.#changed();
  }

  #changed() {
    this.draw();
    place.remember({ text: this.text.value.trim(), state: this.state.value === "all" ? "" : this.state.value, concept: this.concept.value,
      has: this.has.join(","), lacks: this.lacks.join(",") });
    this.panel.find();
  }

  draw() {
    const chip = (tag, words, tone) => h("button",
      { class: `chip ${tone} filter-chip`, title: t("captions.filter_off"),
      onclick: () => this.#set(without(this.has, tag), without(this.lacks, tag)) }, words, icon("close"));
    fill(this.chips, this.has.map((tag) => chip(tag, tag, "accent")),
      this.lacks.map((tag) => chip(tag, t("captions.without", { tag }), "bad")),
      this.only.length ? h("button", { class: "chip accent filter-chip", onclick: () => this.showOnly({}) },
        t("captions.only", { n: this.only.length }), icon("close")) : null);
  }

  #read() {
    const { query } = place.read();
    const list = (name) => (query.get(name) || "").split(",").filter(Boolean);
    this.text.value = query.get("text") || "";
    this.state.value = STATES.includes(query.get("state")) ? query.get("state") : "all";
    this.wanted = query.get("concept") || "";
    Object.assign(this, { has: list("has"), lacks: list("lacks") });
    this.draw();
  }
}

const without = (list, one) => list.filter((other) => other !== one);
