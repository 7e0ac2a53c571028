// The automatic captioner: which one, its settings, and a job in the queue.

import * as api from "../../kit/api.js";
import { dialog } from "../../kit/dialog.js";
import { fill, h } from "../../kit/dom.js";
import { field } from "../../kit/field.js";
import { finished } from "../../kit/task.js";
import { t } from "../../kit/texts.js";
import { attempt, toast } from "../../kit/toast.js";

// Settings that only one captioner knows; all others are everybody's.
const OWN = {
  blip: ["model", "beams", "max_tokens"],
  wd: ["general_threshold", "character_threshold", "wd_model", "use_character_tags", "character_tags_first", "character_tag_expand",
    "always_first_tags",
    "use_rating_tags", "remove_underscore", "undesired_tags", "tag_replacement"],
  text: ["text"],
};
const USUAL = new Set(["existing", "prefix", "suffix", "general_threshold", "character_threshold", "text"]);

export async function captioner(panel) {
  const known = await attempt(async () => finished(await api.get(`${panel.store.base}/captioner`)));
  if (!known) return;
  const form = new Form(known);
  const started = await dialog({
    title: t("captions.captioner"), wide: true, body: [form.node],
    buttons: [[t("kit.cancel"), null], [t("captions.start"), true, "primary"]],
    check: () => form.send(panel.store.base),
  });
  if (started) toast(t("captions.started"));
  panel.job.refresh();
}

class Form {
  constructor({ captioners, fields }) {
    this.changes = {};
    this.captioners = captioners;
    const chosen = fields.find((one) => one.name === "captioner").value.split(",").map((name) => name.trim());
    this.chosen = chosen.filter((name) => captioners.some((one) => one.name === name));
    this.fields = new Map(fields.map((one) => [one.name,
      field({ ...one, label: labelOf(one.name) }, one.value, (text) => (this.changes[one.name] = text))]));
    this.list = h("div", { class: "captioners", role: "group", "aria-label": t("captions.captioner_which") },
      captioners.map((one) => this.#choice(one)));
    this.order = h("p", { class: "small muted" });
    this.usual = h("div", { class: "fields" });
    this.more = h("div", { class: "fields" });
    this.node = h("div", null, this.list, this.order, this.usual,
      h("details", { class: "more-settings" }, h("summary", null, t("captions.more_settings")), this.more));
    this.#draw();
  }

  #choice(one) {
    const turn = (event) => {
      this.chosen = event.target.checked ? [...this.chosen, one.name] : this.chosen.filter((name) => name !== one.name);
      this.changes.captioner = this.chosen.join(",");
      this.#draw();
    };
    const isOn = this.chosen.includes(one.name);
    // The fixed text is given right here, so its absence is no reason.
    const can = one.usable || one.state === "no text" || isOn;
    const why = one.state === "ready" || one.state === "no text" ? "" : t(`captions.available_${one.state.replace(" ", "_")}`,
      { what: one.detail });
    return h("label", { class: `captioner ${can ? "" : "off"}` },
      h("input", { type: "checkbox", checked: isOn, disabled: !can, onchange: turn }),
      h("span", null, h("strong", null, t(`captions.captioner_${one.name}`)),
        h("span", { class: "small muted block" }, t(`captions.about_${one.name}`)),
        why ? h("span", { class: "small block why" }, why) : null));
  }

  #draw() {
    const hidden = new Set(["captioner", ...Object.entries(OWN).flatMap(([name, own]) => (this.chosen.includes(name) ? [] : own))]);
    const shown = [...this.fields].filter(([name]) => !hidden.has(name));
    fill(this.usual, shown.filter(([name]) => USUAL.has(name)).map(([, one]) => one.node));
    fill(this.more, shown.filter(([name]) => !USUAL.has(name)).map(([, one]) => one.node));
    this.order.textContent = this.chosen.length > 1 ? t("captions.in_order",
      { names: this.chosen.map((name) => t(`captions.captioner_${name}`)).join(" → ") }) : "";
  }

  /** A sentence where it can't be started. */
  async send(base) {
    if (!this.chosen.length) return t("captions.choose_one");
    const settings = { ...this.changes, captioner: this.chosen.join(",") };
    try {
      await api.post(`${base}/job`, { settings });
      return "";
    } catch (error) {
      return error.message;
    }
  }
}

const labelOf = (name) => t(`captions.setting_${name}`);
