// What a person names: a path, a hub id or an address, looked at; and models that one can fetch, with their size.

import * as api from "../kit/api.js";
import { fill, h, icon } from "../kit/dom.js";
import { bytes } from "../kit/format.js";
import { finished } from "../kit/task.js";
import { language, sentence, t } from "../kit/texts.js";

/** A field for what isn't in the list. `named(model)` hears of a file that is there, `fetch(offer)` what to download. */
export class Ask {
  constructor(role, named, fetch) {
    Object.assign(this, { role, named, fetch });
    this.input = h("input", { type: "text", spellcheck: "false", autocomplete: "off", placeholder: t("models.ask_example"), "aria-label": t("models.ask"), onkeydown: (event) => {
      if (event.key !== "Enter") return;
      event.preventDefault(); // the dialog isn't to be left by it
      this.look(this.input.value);
    } });
    this.result = h("div", { class: "ask-result", role: "status" });
    this.node = h("div", { class: "model-ask" }, h("label", { class: "field" }, h("span", { class: "label" }, t("models.ask")),
      h("span", { class: "row" }, h("span", { class: "grow" }, this.input), h("button", { type: "button", onclick: () => this.look(this.input.value) }, icon("search"), t("models.look")))),
    this.result);
  }

  say(text) {
    fill(this.result, h("p", { class: "problem" }, sentence(text)));
  }

  async look(text) {
    const asked = text.trim();
    if (!asked) return;
    fill(this.result, h("p", { class: "muted small" }, t("plan.looking")));
    try {
      const { model, offers, problem } = await finished(await api.post("api/models/look", { text: asked, role: this.role }));
      if (problem) this.say(problem);
      else if (model?.problem) this.say(t("models.cant", { what: model.problem }));
      else fill(this.result, offers.map((offer) => offerRow(offer, this.fetch)));
      if (model) this.named(model);
      this.input.value = model && !model.problem ? "" : asked;
    } catch (error) {
      this.input.value = asked;
      this.say(error.message);
    }
  }
}

export function offerRow(offer, fetch, about = null) {
  const size = offer.bytes ? bytes(offer.bytes) : t("models.size_unknown");
  return h("div", { class: "row offer" }, h("span", { class: "name" }, offer.title ?? offer.name, offer.files?.length ? h("span", { class: "muted small" }, ` ${t("models.diffusers")}`) : null,
    about ? h("span", { class: "muted small block" }, about) : null),
  h("button", { type: "button", onclick: () => fetch(offer) }, icon("download"), t("models.download", { size })));
}

export const knownList = (known, fetch) => known.map((model) => offerRow({ ...model, name: model.title }, fetch, language === "zh" ? model.zh : model.help));
