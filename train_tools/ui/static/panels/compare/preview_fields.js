// The fields of how pictures of checkpoints are made: the same in the Plan, before there are any, and in Compare.

import { h } from "../../kit/dom.js";
import { field } from "../../kit/field.js";
import { t } from "../../kit/texts.js";

// What most people change, in this order; the rest unfolds.
const USUAL = ["checkpoints", "weights", "seed", "steps", "cfg_scale", "sampler", "negative_prompt", "automatic"];
const NOT_HERE = new Set(["prompts", "batch_cells", "automatic_lane"]);

// What is as the base model's family makes pictures well, where nobody set it.
const BY_FAMILY = new Set(["sampler", "scheduler", "steps", "cfg_scale", "guidance", "shift", "rescale"]);

export class PreviewFields {
  /** `about` is the answer of `previews`; `change(name, text)` hears of what a person typed; `without` are left out. */
  constructor(about, change, without = []) {
    this.about = about;
    this.change = change;
    this.made = new Map();
    this.known = new Map(about.settings.map((entry) => [entry.name, entry]));
    const isHere = (name) => !NOT_HERE.has(name) && !without.includes(name);
    const usual = USUAL.filter(isHere);
    const rest = about.settings.map((entry) => entry.name).filter((name) => isHere(name) && !usual.includes(name));
    this.prompts = this.#prompts();
    this.usual = h("div", { class: "fields" }, usual.map((name) => this.#make(name)));
    this.more = h("details", null, h("summary", null, t("compare.preview_more")), h("div", { class: "fields" }, rest.map((name) => this.#make(name))));
  }

  #make(name) {
    const entry = { ...this.known.get(name), label: t(`compare.preview_${name}`) };
    const made = field(entry, this.#text(name), (text) => this.change(name, text));
    if (BY_FAMILY.has(name)) made.input.placeholder = t("compare.preview_as_any_family");
    this.made.set(name, made);
    return made.node;
  }

  #text(name) {
    const entry = this.known.get(name);
    const value = name === "automatic" ? this.about.automatic : this.about.values[name];
    return value ?? (entry.choices.length || entry.kind === "bool" ? entry.default : "");
  }

  /** One prompt a line, as that is how people read them. */
  #prompts() {
    const entry = this.known.get("prompts");
    this.input = h("textarea", { id: "preview-prompts", rows: "4", spellcheck: "false", oninput: () => this.change("prompts", this.input.value) });
    this.input.value = lines(this.about.values.prompts ?? entry.default);
    return h("div", { class: "field" }, h("label", { class: "label", for: "preview-prompts" }, t("compare.preview_prompts")), this.input, h("p", { class: "help" }, entry.help));
  }

  /** Shows texts that came from elsewhere; a field in which somebody is typing is left alone. */
  show(values) {
    this.about.values = values;
    if (document.activeElement !== this.input) this.input.value = lines(values.prompts ?? this.known.get("prompts").default);
    for (const [name, made] of this.made) if (document.activeElement !== made.input) made.value = this.#text(name);
  }

  /** What empty fields mean. */
  showFamily(found) {
    for (const [name, value] of Object.entries(found)) {
      this.made.get(name)?.input.setAttribute("placeholder", value ? t("compare.preview_as_family", { value }) : t("compare.preview_not_told"));
    }
  }
}

const lines = (text) => text.split("|").map((prompt) => prompt.trim()).join("\n");
