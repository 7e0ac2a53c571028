// One change of many captions: what it would do is seen before it is done.

import * as api from "../../kit/api.js";
import { dialog } from "../../kit/dialog.js";
import { fill, h } from "../../kit/dom.js";
import { number } from "../../kit/format.js";
import { finished, watched } from "../../kit/task.js";
import { t } from "../../kit/texts.js";
import { settle } from "../../kit/wait.js";
import { said } from "./change.js";
import { tagsOf } from "./chips.js";
import { plain } from "./store.js";
import { suggesting } from "./suggest.js";
import { triggerWords } from "./trigger.js";

// Kind of edit -> its fields: [name, kind of field]; "tags", "lines" and "pattern" must be filled in.
const NEEDED = new Set(["tags", "lines", "pattern"]);
const EDITS = {
  add: [["tags", "tags"], ["back", "switch"]],
  remove: [["tags", "tags"]],
  replace: [["old", "tags"], ["new", "tags"]],
  first: [["tag", "text"], ["insert", "switch"]],
  dedupe: [],
  sort: [["by_frequency", "switch"], ["keep", "number"]],
  merge: [["pairs", "lines"]],
  regex: [["pattern", "pattern"], ["replacement", "text"], ["tags_only", "switch"]],
  fix: [["lines", "switch"], ["separators", "switch"]],
  set: [["text", "lines"]],
};

/** `start` is an edit to begin with. */
export async function bulk(panel, start = { kind: "add" }) {
  const form = new Bulk(panel, start);
  form.preview();
  const done = await dialog({
    title: t("captions.bulk"), wide: true, body: [form.node],
    buttons: [[t("kit.cancel"), null], [t("captions.apply"), true, "primary"]],
    check: () => form.apply(),
  });
  form.later.cancel();
  if (done) said(panel, form.applied);
  panel.refreshSoon();
}

class Bulk {
  constructor(panel, start) {
    Object.assign(this, { panel, seen: null, applied: 0, turn: 0, values: { ...start } });
    this.later = settle(() => this.preview(), 350);
    const kinds = Object.keys(EDITS).map((kind) => h("option", { value: kind, selected: kind === start.kind }, t(`captions.edit_${kind}`)));
    this.kind = h("select", { onchange: () => this.#choose(this.kind.value) }, kinds);
    this.fields = h("div", { class: "fields" });
    this.scopes = scopesOf(panel);
    this.scope = this.scopes[0].name;
    this.outcome = h("p", { class: "bulk-outcome", role: "status" });
    this.list = h("div", { class: "bulk-changes" });
    this.node = h("div", { class: "bulk" },
      h("label", { class: "field" }, h("span", { class: "label" }, t("captions.edit_kind")), this.kind), this.fields,
      this.#scopeField(), this.outcome, this.list);
    this.#draw();
  }

  /** Which captions: said plainly, and a choice where there is one. */
  #scopeField() {
    const choose = (name) => ((this.scope = name), this.later());
    return h("fieldset", { class: "bulk-scope row" }, h("legend", { class: "label" }, t("together.scope")),
      this.scopes.map(({ name, words }) => h("label", { class: "row tight" },
        h("input", { type: "radio", name: "scope", value: name, checked: name === this.scope, onchange: () => choose(name) }), words)));
  }

  #choose(kind) {
    this.values = { kind, ...(kind === "fix" ? { lines: true, separators: true } : {}) };
    this.#draw();
    this.later();
  }

  #draw() {
    const change = (name, value) => {
      this.values[name] = value;
      this.later();
    };
    fill(this.fields, EDITS[this.values.kind].map(([name, kind]) => this.#field(name, kind, change)));
  }

  #field(name, kind, change) {
    const value = this.values[name];
    const label = h("span", { class: "label" }, t(`captions.field_${name}`));
    if (kind === "switch") {
      return h("label", { class: "row tight" },
        h("input", { type: "checkbox", role: "switch", checked: Boolean(value),
        onchange: (event) => change(name, event.target.checked) }), label);
    }
    if (kind === "lines") {
      return h("label", { class: "field" }, label,
        h("textarea", { value: value ?? "", spellcheck: "false", oninput: (event) => change(name, event.target.value) }));
    }
    const isNumber = kind === "number";
    const words = name === "tag" ? triggerWords(Object.keys(this.panel.found.concepts)) : { shown: String, meant: String };
    const input = h("input", { type: isNumber ? "number" : "text", min: isNumber ? "0" : undefined,
      value: isNumber ? value ?? "1" : words.shown(value ?? ""), autocomplete: "off", spellcheck: "false",
      oninput: (event) => change(name, isNumber ? Number(event.target.value) : words.meant(event.target.value)) });
    if (kind === "tags" || name === "tag") suggesting(input, this.panel);
    return h("label", { class: "field" }, label, input);
  }

  get #asked() {
    return { edit: this.values, filter: this.scopes.find(({ name }) => name === this.scope).filter };
  }

  get #isWhole() {
    return EDITS[this.values.kind].every(([name, kind]) => !NEEDED.has(kind) || String(this.values[name] ?? "").trim());
  }

  async preview() {
    const turn = ++this.turn;
    this.seen = null;
    if (!this.#isWhole) {
      fill(this.outcome);
      fill(this.list);
      return;
    }
    let result = null;
    let problem = "";
    try {
      result = await finished(await api.post(`${this.panel.store.base}/preview`, this.#asked));
    } catch (error) {
      problem = error.message;
    }
    if (turn !== this.turn || (!result && !problem)) return;
    this.seen = result;
    this.outcome.classList.toggle("problem", Boolean(problem));
    fill(this.outcome, problem || (result.count ? t("captions.would_change", { n: number(result.count) }) : t("captions.would_not_change")),
      result?.skipped.length ? ` ${t("captions.skipped", { n: result.skipped.length })}` : "");
    fill(this.list, (result?.changes || []).map(change),
      result && result.count > result.changes.length ? h("p", { class: "muted" },
      t("captions.and_more", { n: number(result.count - result.changes.length) })) : null);
  }

  /** A sentence where it can't be done. */
  async apply() {
    this.later.cancel();
    if (!this.#isWhole) return t("kit.needed");
    if (!this.seen) await this.preview();
    if (!this.seen) {
      const problem = this.outcome.textContent;
      fill(this.outcome); // it is said where the dialog says such, and once
      return problem;
    }
    if (!this.seen.count) return t("captions.would_not_change");
    try {
      const answer = await api.post(`${this.panel.store.base}/apply`, { ...this.#asked, digest: this.seen.digest });
      this.applied = (await watched(t("captions.applying"), answer, number)).count;
      return "";
    } catch (error) {
      await this.preview();
      return error.message;
    }
  }
}

/** The chosen, the shown and all, as far as these differ; the first is meant unless somebody says otherwise. */
function scopesOf(panel) {
  const { several, names } = panel.grid;
  const all = panel.store.names.length;
  const scopes = [{ name: "all", filter: {}, words: t("together.scope_all", { n: number(all) }) }];
  if (!panel.filter.isEverything) {
    scopes.unshift({ name: "shown", filter: panel.filter.value, words: t("together.scope_shown", { n: number(names.length) }) });
  }
  if (several.length && several.length < all) {
    scopes.unshift({ name: "chosen", filter: { names: several }, words: t("together.scope_chosen", { n: number(several.length) }) });
  }
  return scopes;
}

/** What goes is struck, what comes is marked. */
function change({ name, before, after }) {
  const [old, now] = [tagsOf(plain(before)), tagsOf(plain(after))];
  const gone = old.filter((tag) => !now.includes(tag));
  const part = (tag) => (old.includes(tag) ? h("span", null, tag) : h("ins", null, tag));
  return h("div", { class: "bulk-change" }, h("div", { class: "small muted" }, name),
    h("div", null, now.flatMap((tag, index) => [index ? ", " : "", part(tag)]), gone.length ? " " : "",
      gone.flatMap((tag) => [h("del", null, tag), " "])));
}
