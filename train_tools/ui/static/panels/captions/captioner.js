// The automatic captioner: which one, its settings, and a job in the queue.

import * as api from "../../kit/api.js";
import { confirm, dialog } from "../../kit/dialog.js";
import { fill, h, icon } from "../../kit/dom.js";
import { field } from "../../kit/field.js";
import { bytes, number } from "../../kit/format.js";
import { finished } from "../../kit/task.js";
import { t } from "../../kit/texts.js";
import { attempt, toast } from "../../kit/toast.js";
import { settle } from "../../kit/wait.js";
import { Downloads } from "../../models/downloads.js";
import { IN_SERVER, Server } from "./server.js";
import { triggerWords } from "./trigger.js";

// Settings that only one captioner knows; all others are everybody's.
const MODEL_OF = { blip: "model", wd: "wd_model" };
const OWN = {
  blip: ["model", "beams", "max_tokens"],
  wd: ["general_threshold", "character_threshold", "wd_model", "use_character_tags", "character_tags_first", "character_tag_expand",
    "always_first_tags",
    "use_rating_tags", "remove_underscore", "undesired_tags", "tag_replacement"],
  shapes: [],
  openai: ["server_side", "server_parallel", "server_max_tokens", "server_timeout", "server_retries"],
  text: ["text"],
};
const WITH_TRIGGER = new Set(["prefix", "suffix", "text", "server_own_prompt"]);
const USUAL = new Set(["model", "wd_model", "existing", "prefix", "suffix", "general_threshold", "character_threshold", "text"]);

export async function captioner(panel) {
  const known = await attempt(() => asked(panel));
  if (!known) return;
  const form = new Form(panel, known);
  form.downloads.begin();
  const started = await dialog({
    title: t("captions.captioner"), wide: true, body: [form.node],
    buttons: [[t("kit.cancel"), null], [t("captions.start"), true, "primary"]],
    check: () => form.send(panel.store.base),
  });
  form.downloads.end();
  if (started) toast(t("captions.started"));
  panel.job.refresh();
}

const asked = async (panel, models) => finished(await api.get(`${panel.store.base}/captioner`, models));

class Form {
  constructor(panel, { captioners, fields, chosen, known }) {
    Object.assign(this, { panel, captioners, chosen, changes: {} });
    this.words = triggerWords(Object.keys(panel.found.concepts));
    this.downloads = new Downloads(panel.context.base, () => this.#renew());
    this.fields = new Map(fields.map((one) => [one.name, this.#field(one, known[one.name])]));
    this.list = h("div", { class: "captioners", role: "group", "aria-label": t("captions.captioner_which") });
    this.order = h("p", { class: "small muted" });
    this.server = new Server(panel, this.fields, () => this.changes);
    this.scope = scopeOf(panel);
    this.usual = h("div", { class: "fields" });
    this.more = h("div", { class: "fields" });
    this.node = h("div", null, this.list, this.downloads.node, this.order, this.server.node, this.scope.node, this.usual,
      h("details", { class: "more-settings" }, h("summary", null, t("captions.more_settings")), this.more));
    this.#drawList();
    this.#draw();
  }

  /** A model may be any folder or hub id; the usual ones are proposed. */
  #field(one, models) {
    const options = one.choices.length && !one.several ? one.choices.map((choice) => [choice, t(`captions.choice_${choice}`)]) : undefined;
    const entry = { ...one, label: labelOf(one.name), options, ...(models ? { choices: models, several: true } : {}) };
    const renew = settle(() => this.#renew(), 600);
    const words = WITH_TRIGGER.has(one.name) ? this.words : { shown: (text) => text, meant: (text) => text };
    return field(entry, words.shown(one.value), (text) => {
      this.changes[one.name] = words.meant(text);
      if (models) renew();
      if (IN_SERVER.has(one.name)) this.server.changed(one.name);
    });
  }

  /** What can be used by now: another model was named, or one has come. */
  async #renew() {
    const models = Object.fromEntries(["model", "wd_model"].filter((name) => this.changes[name]).map((name) => [name, this.changes[name]]));
    const known = await attempt(() => asked(this.panel, models));
    if (!known) return;
    this.captioners = known.captioners;
    this.#drawList();
    this.#draw();
  }

  #drawList() {
    const focused = document.activeElement?.closest?.(".captioner")?.dataset.name;
    fill(this.list, this.captioners.map((one) => this.#choice(one)));
    if (focused) this.list.querySelector(`[data-name="${focused}"] input`)?.focus();
  }

  #choice(one) {
    const turn = (event) => {
      this.chosen = event.target.checked ? [...this.chosen, one.name] : this.chosen.filter((name) => name !== one.name);
      this.changes.captioner = this.chosen.join(",");
      this.#draw();
    };
    const isOn = this.chosen.includes(one.name);
    // The fixed text and the model are given right here, so their absence is no reason.
    const can = one.usable || one.state === "no text" || one.state === "no model" || isOn;
    const why = one.state === "ready" || one.state === "no text" || one.bytes ? "" : t(`captions.available_${one.state.replace(" ", "_")}`,
      { what: one.detail });
    return h("div", { class: `captioner ${can ? "" : "off"}`, dataset: { name: one.name } },
      h("label", { class: "captioner-label" }, h("input", { type: "checkbox", checked: isOn, disabled: !can, onchange: turn }),
        h("span", null, h("strong", null, t(`captions.captioner_${one.name}`)),
          h("span", { class: "small muted block" }, t(`captions.about_${one.name}`)),
          one.is_toy ? h("span", { class: "small block why" }, t("captions.is_toy")) : null,
          why ? h("span", { class: "small block why" }, why) : null)),
      needsFetching(one) ? this.#fetch(one) : null);
  }

  /** Its model isn't here: what it is, and how much. */
  #fetch(one) {
    const button = h("button", { type: "button", onclick: () => attempt(async () => {
      button.disabled = true;
      try {
        const offer = await finished(await api.post(`${this.panel.store.base}/captioner/offer`, { captioner: one.name, model: one.model }));
        await this.downloads.start(offer, "base");
        if (!this.chosen.includes(one.name)) this.chosen.push(one.name);
        this.changes.captioner = this.chosen.join(",");
        this.#draw();
      } catch (error) {
        button.disabled = false;
        throw error;
      }
    }) }, icon("download"), t("models.download", { size: one.bytes ? bytes(one.bytes) : t("models.size_unknown") }));
    return h("div", { class: "captioner-fetch small" }, h("span", { class: "muted" }, t("captions.model_absent", { model: one.model })), button);
  }

  #draw() {
    this.server.show(this.chosen.includes("openai"));
    const hidden = new Set(["captioner", "only", ...IN_SERVER, ...Object.entries(OWN).flatMap(([name, own]) => (this.chosen.includes(name) ? [] : own))]);
    const shown = [...this.fields].filter(([name]) => !hidden.has(name));
    fill(this.usual, shown.filter(([name]) => USUAL.has(name)).map(([, one]) => one.node));
    fill(this.more, shown.filter(([name]) => !USUAL.has(name)).map(([, one]) => one.node));
    this.order.textContent = this.chosen.length > 1 ? t("captions.in_order",
      { names: this.chosen.map((name) => t(`captions.captioner_${name}`)).join(" → ") }) : "";
  }

  /** A sentence where it can't be started. */
  async send(base) {
    if (!this.chosen.length) return t("captions.choose_one");
    const absent = this.captioners.find((one) => this.chosen.includes(one.name) && needsFetching(one));
    if (absent) return t("captions.download_first", { name: t(`captions.captioner_${absent.name}`), size: absent.bytes ? bytes(absent.bytes) : "?" });
    const toy = this.captioners.some((one) => one.is_toy && this.chosen.includes(one.name));
    if (toy && !(await confirm(t("captions.toy_title"), t("captions.toy_text"), t("captions.toy_yes")))) return t("captions.toy_left");
    const models = Object.fromEntries(this.captioners.filter((one) => one.model && this.chosen.includes(one.name)).map((one) => [MODEL_OF[one.name], one.model]));
    try {
      await api.post(`${base}/job`, { toy, settings: { ...models, ...this.changes, only: this.scope.value(), captioner: this.chosen.join(",") } });
      return "";
    } catch (error) {
      return error.message;
    }
  }
}

/** A webui fetches its own models by itself, when it starts with them. */
const needsFetching = (one) => one.state === "downloads" && one.name in MODEL_OF;

const labelOf = (name) => t(`captions.setting_${name}`);

/** Where several captions are selected: these alone, or all. `value()` is as the server takes it. */
function scopeOf(panel) {
  const { several } = panel.grid;
  if (!several.length || several.length === panel.store.names.length) return { node: null, value: () => "" };
  const places = several.map((name) => panel.store.items.get(name).image.replace("dataset/processed/", ""));
  const only = h("input", { type: "radio", name: "captioned", checked: true });
  const all = h("input", { type: "radio", name: "captioned" });
  return {
    node: h("fieldset", { class: "bulk-scope row" }, h("legend", null, t("together.captioned")),
      h("label", { class: "row tight" }, only, t("together.scope_chosen", { n: number(several.length) })),
      h("label", { class: "row tight" }, all, t("together.scope_all", { n: number(panel.store.names.length) }))),
    value: () => (only.checked ? places.join("|") : ""),
  };
}
