// All fields: a beginner's at once, the others folded, any of them by searching.

import { fill, h, icon } from "../../kit/dom.js";
import { number } from "../../kit/format.js";
import { t } from "../../kit/texts.js";
import { settle } from "../../kit/wait.js";
import { argumentField } from "./fields.js";
import { Rules } from "./rules.js";

const LEVELS = ["usual", "expert"];
const IN_RULES = new Set(["links", "overrides", "exclude", "seeds"]);
const MOST_FOUND = 80;

export class Form {
  constructor(store, entries) {
    Object.assign(this, { store, entries, shown: [] });
    this.basics = [entries.find((entry) => entry.name === "preset"), ...entries.filter((entry) => entry.importance === "beginner")];
    this.isBasic = new Set(this.basics.map((entry) => entry.name));
    this.rules = new Rules(store, entries);
    this.sections = h("div", null, h("div", { class: "card" }, h("div", { class: "fields" }, this.#basicFields())), this.rules.node, LEVELS.map((level) => this.#level(level)));
    this.found = h("div", { class: "card", hidden: true });
    this.node = h("div", { class: "plan-fields" }, this.#finder(), this.found, this.sections);
    for (const name of ["values", "errors", "plan", "conflicts"]) store.addEventListener(name, () => this.#refresh());
    this.#refresh();
  }

  #basicFields() {
    // The base model comes first: it decides what the others' defaults are.
    const order = ["pretrained_model_name_or_path", "preset"];
    const rank = (entry) => (order.indexOf(entry.name) + 1 || order.length + 1);
    return [...this.basics].sort((a, b) => rank(a) - rank(b)).map((entry) => this.#field(entry));
  }

  #field(entry) {
    const made = argumentField(this.store, entry);
    this.shown.push(made);
    return made.node;
  }

  #finder() {
    const search = h("input", { type: "search", placeholder: t("plan.search", { n: number(this.entries.length) }), "aria-label": t("plan.search", { n: number(this.entries.length) }), autocomplete: "off", spellcheck: "false" });
    this.onlySet = h("button", { "aria-pressed": "false", onclick: () => {
      const on = this.onlySet.getAttribute("aria-pressed") !== "true";
      this.onlySet.setAttribute("aria-pressed", String(on));
      this.#find(search.value, on);
    } });
    const isOn = () => this.onlySet.getAttribute("aria-pressed") === "true";
    search.addEventListener("input", settle(() => this.#find(search.value, isOn()), 150));
    return h("div", { class: "row finder" }, h("span", { class: "search" }, icon("search"), search), this.onlySet);
  }

  /** What matches all words, in name, label or help; with `onlySet` those that aren't at their default. */
  #find(text, onlySet) {
    const words = text.toLowerCase().split(/\s+/).filter(Boolean);
    this.sections.hidden = Boolean(words.length) || onlySet;
    this.found.hidden = !this.sections.hidden;
    if (this.found.hidden) {
      fill(this.found);
      this.#refresh();
      return;
    }
    const hay = (entry) => `${entry.name} ${entry.label} ${entry.help} ${entry.name.replaceAll("_", " ")}`.toLowerCase();
    const found = this.entries.filter((entry) => (!onlySet || this.store.isSet(entry.name)) && words.every((word) => hay(entry).includes(word)));
    fill(this.found, found.length ? h("div", { class: "fields" }, found.slice(0, MOST_FOUND).map((entry) => this.#field(entry))) : h("p", { class: "muted" }, t("plan.none_found")),
      found.length > MOST_FOUND ? h("p", { class: "muted small" }, t("plan.more_found", { n: number(found.length - MOST_FOUND) })) : null);
    this.#forgetGone();
  }

  /** Folded, and made when it is first opened: 250 fields at once would be slow on a phone. */
  #level(level) {
    const count = h("span", { class: "chip accent", hidden: true });
    const body = h("div");
    const entries = this.entries.filter((entry) => entry.importance === level && !this.isBasic.has(entry.name) && !IN_RULES.has(entry.name));
    const node = h("details", { class: "card level", dataset: { level } }, h("summary", null, h("strong", null, t(`plan.level_${level}`)), " ", h("span", { class: "muted small" }, t(`plan.level_${level}_text`)), " ", count), body);
    const draw = () => {
      if (!node.open) return;
      const families = (this.store.known?.bases ?? []).map((base) => base.id).filter(Boolean);
      const fits = (entry) => !entry.families.length || !families.length || families.some((family) => entry.families.includes(family)) || this.store.isSet(entry.name);
      const wanted = families.join();
      if (body.dataset.families === wanted && body.childElementCount) return;
      body.dataset.families = wanted;
      fill(body, subjects(entries.filter(fits), (entry) => this.#field(entry)));
      this.#forgetGone();
    };
    node.addEventListener("toggle", draw);
    this.store.addEventListener("plan", draw);
    (this.counts ??= []).push(() => {
      const set = entries.filter((entry) => this.store.isSet(entry.name)).length;
      count.hidden = !set;
      count.textContent = t("plan.n_set", { n: set });
    });
    return node;
  }

  #forgetGone() {
    this.shown = this.shown.filter((made) => this.node.contains(made.node));
  }

  #refresh() {
    for (const made of this.shown) made.refresh();
    for (const count of this.counts) count();
    const set = this.entries.filter((entry) => this.store.isSet(entry.name)).length;
    fill(this.onlySet, t("plan.only_set", { n: set }));
  }
}

function subjects(entries, draw) {
  const names = [...new Set(entries.map((entry) => entry.subject))];
  return names.map((subject) => [h("h3", { class: "subject" }, t(`plan.subject_${subject}`)), h("div", { class: "fields" }, entries.filter((entry) => entry.subject === subject).map(draw))]);
}
