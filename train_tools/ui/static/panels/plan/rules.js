// How values are combined: seeds, what goes side by side, what some values bring along, what is left out.

import { fill, h, icon } from "../../kit/dom.js";
import { halfWidth } from "../../kit/halfwidth.js";
import { labelOf } from "../../kit/names.js";
import { t } from "../../kit/texts.js";
import { argumentField } from "./fields.js";

export class Rules {
  constructor(store, entries) {
    this.store = store;
    this.seeds = argumentField(store, entries.find((entry) => entry.name === "seeds"));
    this.axes = h("div", { class: "row tight axes" });
    this.links = h("div", { class: "rules" });
    this.overrides = new RuleList(store, "overrides");
    this.exclude = new RuleList(store, "exclude");
    this.count = h("span", { class: "chip accent", hidden: true });
    this.node = h("details", { class: "card level", dataset: { level: "rules" } },
      h("summary", null, h("strong", null, t("plan.rules")), " ", h("span", { class: "muted small" }, t("plan.rules_text")), " ", this.count),
      this.axes, h("div", { class: "rule-columns" }, this.seeds.node, h("div", null, h("h3", null, t("plan.links")), this.links)), this.overrides.node, this.exclude.node);
    for (const name of ["values", "errors", "plan"]) store.addEventListener(name, () => this.#refresh());
    this.#refresh();
  }

  #refresh() {
    const { store } = this;
    this.seeds.refresh();
    const axes = Object.entries(store.plan?.axes ?? {});
    fill(this.axes, axes.length ? axes.map(([name, values]) => h("span", { class: "chip", title: `${name}: ${values.join(", ")}` }, `${labelOf(name)} × ${values.length}`)) : h("p", { class: "muted small" }, t("plan.no_axes")));
    this.#drawLinks(axes.map(([name]) => name));
    this.overrides.refresh();
    this.exclude.refresh();
    const set = ["links", "overrides", "exclude"].reduce((sum, name) => sum + pieces(store.text(name)).length, 0) + Number(store.isSet("seeds"));
    this.count.hidden = !set;
    this.count.textContent = t("plan.n_set", { n: set });
  }

  #drawLinks(axes) {
    const { store } = this;
    const links = pieces(store.text("links"));
    const save = (list) => store.setMany({ links: list.join("; ") });
    const linked = new Set(links.flatMap((link) => link.split("+").map((name) => name.trim())));
    const free = axes.filter((name) => !linked.has(name));
    const problem = store.errors.links ?? (store.plan?.field === "links" ? store.plan.problem : "");
    const shown = JSON.stringify([links, free, problem]);
    if (shown === this.shownLinks) return; // what is ticked stays ticked while plans come and go
    this.shownLinks = shown;
    const boxes = free.map((name) => [name, h("input", { type: "checkbox" })]);
    const link = () => {
      const names = boxes.filter(([, box]) => box.checked).map(([name]) => name);
      if (names.length > 1) save([...links, names.join("+")]);
    };
    fill(this.links,
      links.map((text, index) => h("div", { class: "row tight" }, h("span", { title: text }, text.split("+").map((name) => labelOf(name.trim())).join(" + ")), remove(text, () => save(links.filter((_, i) => i !== index))))),
      free.length > 1
        ? h("div", { class: "row tight" }, boxes.map(([name, box]) => h("label", { class: "row tick", title: name }, box, labelOf(name))), h("button", { onclick: link }, t("plan.link")))
        : links.length ? null : h("p", { class: "muted small" }, t("plan.links_text")),
      problem ? h("p", { class: "problem", role: "alert" }, problem) : null);
  }
}

/** Rules of one kind, a row each. An override has two halves, around its arrow. */
class RuleList {
  constructor(store, name) {
    Object.assign(this, { store, name, drawn: null });
    this.rows = h("div", { class: "rules" });
    this.problem = h("p", { class: "problem", role: "alert" });
    this.node = h("div", { class: "rule-list", dataset: { name } },
      h("h3", null, t(`plan.${name}`)), h("p", { class: "muted small" }, t(`plan.${name}_text`)), this.rows, this.problem,
      h("button", { onclick: () => this.#add() }, icon("plus"), t("plan.add_rule")));
  }

  refresh() {
    const { store, name } = this;
    fill(this.problem, store.errors[name] ?? (store.plan?.field === name ? store.plan.problem : ""));
    const text = store.text(name);
    if (text === this.drawn) return;
    this.drawn = text;
    fill(this.rows, pieces(text).map((piece) => this.#row(piece)));
  }

  #add() {
    const row = this.#row("");
    this.rows.append(row);
    row.querySelector("input").focus();
  }

  #row(piece) {
    const input = (value, id, hint) => h("input", { type: "text", class: "mono", value, "aria-label": t(id), placeholder: hint, spellcheck: "false", autocomplete: "off", oninput: () => this.#save() });
    const [when, then] = piece.split("->").map((half) => half.trim());
    const parts = this.name === "overrides"
      ? [input(when, "plan.rule_when", "optimizer_type=Prodigy"), h("span", { "aria-hidden": "true" }, "→"), input(then ?? "", "plan.rule_then", "learning_rate=1")]
      : [input(when, "plan.rule_out", "optimizer_type=Lion learning_rate>=1e-3")];
    const row = h("div", { class: "row tight rule" }, parts, remove(piece, () => (row.remove(), this.#save())));
    return row;
  }

  #save() {
    const texts = [...this.rows.children].map((row) => [...row.querySelectorAll("input")].map((input) => input.value.trim()));
    const rules = texts.filter((halves) => halves.some(Boolean)).map((halves) => halves.join(" -> "));
    this.drawn = halfWidth(rules.join("; "));
    this.store.set(this.name, this.drawn);
  }
}

const remove = (what, run) => h("button", { class: "quiet", "aria-label": t("plan.remove_rule", { rule: what }), onclick: run }, icon("close"));

/** The rules in one text: between `;`, but not inside quotes. */
export function pieces(text) {
  const found = [];
  let start = 0;
  let quote = "";
  for (let at = 0; at <= text.length; at++) {
    const sign = text[at];
    if (quote) quote = sign === quote ? "" : quote;
    else if (sign === '"' && /[=\s,;]|^$/.test(text[at - 1] ?? "")) quote = sign;
    if (at === text.length || (sign === ";" && !quote)) {
      found.push(text.slice(start, at).trim());
      start = at + 1;
    }
  }
  return found.filter(Boolean);
}
