// The captioner that asks a server: where it is, which model, what is asked, and a try on one image.

import * as api from "../../kit/api.js";
import { fill, h, icon } from "../../kit/dom.js";
import { finished } from "../../kit/task.js";
import { t } from "../../kit/texts.js";
import { settle } from "../../kit/wait.js";

/** Settings that have their place here. */
export const IN_SERVER = new Set(["server", "server_model", "server_prompt", "server_own_prompt"]);
const OWN = "own";

export class Server {
  /** `fields` are the form's by name, `changes()` what isn't saved yet. */
  constructor(panel, fields, changes) {
    Object.assign(this, { panel, fields, changes, turn: 0 });
    this.later = settle(() => this.look(), 500);
    this.usual = h("div", { class: "row tight" });
    this.state = h("p", { class: "small", role: "status" });
    this.models = h("select", { "aria-label": t("server.models"), hidden: true, onchange: () => this.#choose(this.models.value) });
    this.key = h("input", { type: "password", autocomplete: "off", spellcheck: "false", "aria-label": t("server.key"),
      onchange: () => this.look(this.key.value) });
    this.forget = h("button", { type: "button", class: "link small", hidden: true, onclick: () => this.look("") }, t("server.forget_key"));
    this.prompt = h("blockquote", { class: "small muted" });
    this.button = h("button", { type: "button", onclick: () => this.#try() }, icon("play"), t("server.try"));
    this.outcome = h("div", { role: "status" });
    const of = (name) => fields.get(name).node;
    this.node = h("section", { class: "caption-server", hidden: true, "aria-label": t("captions.captioner_openai") },
      h("div", { class: "fields" },
        h("div", null, of("server"), this.usual, this.state),
        h("div", null, of("server_model"), this.models),
        h("label", { class: "field" }, h("span", { class: "label" }, t("server.key")), this.key, this.forget)),
      h("div", { class: "fields" }, of("server_prompt"), of("server_own_prompt")), this.prompt,
      h("div", { class: "row" }, this.button, h("span", { class: "muted small" }, t("server.try_help"))), this.outcome);
  }

  show(isOn) {
    const isNew = isOn && this.node.hidden;
    this.node.hidden = !isOn;
    this.#drawPrompt();
    if (isNew) this.look();
  }

  changed(name) {
    if (name === "server") this.later();
    this.#drawPrompt();
  }

  #drawPrompt() {
    const kind = this.fields.get("server_prompt").value;
    this.fields.get("server_own_prompt").node.hidden = kind !== OWN;
    this.prompt.hidden = kind === OWN || !this.prompts;
    this.prompt.textContent = this.prompts?.[kind] ?? "";
  }

  get #settings() {
    return Object.fromEntries([...this.fields].filter(([name]) => name.startsWith("server")).map(([name, one]) => [name, this.changes()[name] ?? one.value])
      .filter(([name, value]) => value || name === "server_model"));
  }

  /** Asks the server what it has; with a `key` that is kept for it. */
  async look(key) {
    const turn = ++this.turn;
    this.state.className = "small muted";
    fill(this.state, t("server.asking"));
    let found = null;
    try {
      const { server } = this.#settings;
      found = await finished(await api.post(`${this.panel.store.base}/server/look`, { settings: { server }, key: key ?? null }));
    } catch (error) {
      found = { problem: error.message, models: [] };
    }
    if (turn !== this.turn || !found) return;
    this.#drawFound(found);
  }

  #drawFound(found) {
    this.prompts = found.prompts ?? this.prompts;
    this.#drawPrompt();
    this.state.className = found.problem ? "small problem" : "small muted";
    fill(this.state, found.problem || t("server.answers", { base: found.base, n: found.models.length }));
    this.key.value = "";
    this.key.placeholder = found.has_key ? t("server.key_kept") : t("server.key_none");
    this.forget.hidden = !found.has_key;
    if (found.known) {
      fill(this.usual, Object.entries(found.known).map(([name, address]) =>
        h("button", { type: "button", class: "small", onclick: () => this.#go(address) }, name)));
    }
    const now = this.fields.get("server_model").value;
    this.models.hidden = !found.models.length;
    fill(this.models, h("option", { value: "" }, t("server.n_models", { n: found.models.length })),
      found.models.map((model) => h("option", { value: model, selected: model === now }, model)));
    if (!now && found.models.length === 1) this.#choose(found.models[0]);
  }

  #go(address) {
    this.#set("server", address);
    this.look();
  }

  #choose(model) {
    if (model) this.#set("server_model", model);
  }

  #set(name, value) {
    this.fields.get(name).value = value;
    this.changes()[name] = value;
  }

  async #try() {
    const name = this.panel.grid.current || this.panel.store.names[0];
    this.button.disabled = true;
    fill(this.outcome, h("p", { class: "muted" }, t("server.trying")));
    try {
      const { prefix, suffix } = this.changes();
      const given = Object.fromEntries(Object.entries({ prefix, suffix }).filter(([, value]) => value !== undefined));
      const found = await finished(await api.post(`${this.panel.store.base}/server/try`, { name, settings: { ...this.#settings, ...given } }));
      if (found) {
        fill(this.outcome, h("blockquote", { class: "theirs" }, found.text),
          h("p", { class: "small muted" }, t("server.tried", { name: name.split("/").pop().replace(/\.txt$/, ""), seconds: found.seconds })));
      }
    } catch (error) {
      fill(this.outcome, h("p", { class: "problem" }, error.message));
    }
    this.button.disabled = false;
  }
}
