// A dialog in which models are chosen: found on this machine, browsed for, dropped, named, or fetched.

import * as api from "../kit/api.js";
import { dialog } from "../kit/dialog.js";
import { fill, h, icon } from "../kit/dom.js";
import { finished } from "../kit/task.js";
import { t } from "../kit/texts.js";
import { attempt } from "../kit/toast.js";
import { browse } from "./browse.js";
import { Downloads } from "./downloads.js";
import { Ask, knownList } from "./offers.js";
import { groups, pathRow } from "./rows.js";

/**
 * Resolves to the chosen paths; null where nothing was. `role` is what the models are for, `base` where the version's
 * jobs are queued; `text` is looked at first: what stood in the field and is no file.
 */
export async function choose({ title, help, role, base, chosen = [], several = false, text = "" }) {
  const chooser = new Chooser({ role, base, chosen, several });
  const answer = dialog({
    title, wide: true, body: [help ? h("p", { class: "muted" }, help) : null, chooser.node],
    buttons: [[t("kit.cancel"), null], [t("plan.take"), true, "primary"]],
    check: () => (chooser.chosen.size ? "" : t("models.choose_one")),
  });
  chooser.begin(text);
  const yes = await answer;
  chooser.end();
  return yes ? [...chooser.chosen] : null;
}

class Chooser {
  constructor({ role, base, chosen, several }) {
    Object.assign(this, { role, several, chosen: new Set(chosen), named: new Map(), found: null });
    this.list = h("div", { class: "choices models", role: "group", "aria-label": t("models.found") });
    this.search = h("input", { type: "search", placeholder: t("models.search"), "aria-label": t("models.search"), oninput: () => this.draw() });
    this.folders = h("div", { class: "row tight small" });
    this.downloads = new Downloads(base, (file) => this.#arrived(file));
    const fetch = (offer) => this.downloads.start(offer, role);
    this.ask = new Ask(role, (model) => this.#name(model), fetch);
    this.known = h("details", { class: "get-models" });
    this.fetch = fetch;
    this.node = h("div", { class: "model-chooser", ondragover: (event) => event.preventDefault(), ondrop: (event) => this.#drop(event) },
      h("div", { class: "row model-tools" }, h("span", { class: "grow" }, this.search),
        h("button", { type: "button", onclick: () => this.#browse() }, icon("folder"), t("models.browse")),
        role === "base" ? h("button", { type: "button", onclick: () => this.#addFolder() }, icon("plus"), t("models.add_folder")) : null),
      this.list, this.folders, this.ask.node, this.downloads.node, this.known);
  }

  begin(text) {
    attempt(() => this.load());
    this.downloads.begin();
    if (text) this.ask.look(text);
  }

  end() {
    this.downloads.end();
    this.ended = true;
  }

  async load() {
    fill(this.list, h("p", { class: "muted" }, t("plan.looking")));
    const progress = ({ done, of, name }) => fill(this.list, h("p", { class: "muted" }, t("models.looking_at", { n: done, of: of || "…", name })));
    this.found = (await finished(await api.get("api/models", { role: this.role }), { progress })) ?? this.found;
    if (this.ended || !this.found) return;
    await this.#nameOthers();
    this.draw();
  }

  /** Files that were chosen before and lie elsewhere. */
  async #nameOthers() {
    const files = new Set(this.found.models.map((model) => model.file));
    for (const file of [...this.chosen].filter((one) => !files.has(one) && !this.named.has(one))) {
      const { model } = await finished(await api.post("api/models/look", { text: file, role: this.role }));
      if (model?.file === file) this.named.set(file, model);
      else this.chosen.delete(file); // it isn't there; the field's text is looked at by itself
    }
  }

  draw() {
    if (!this.found) return;
    const inputs = (model) => {
      const input = h("input", { type: this.several ? "checkbox" : "radio", name: "model", checked: this.chosen.has(model.file), onchange: () => this.#tick(model, input.checked) });
      return input;
    };
    const listed = new Set(this.found.models.map((model) => model.file));
    const named = [...this.named.values()].filter((model) => !listed.has(model.file)).map((model) => pathRow(model, inputs(model)));
    fill(this.list, this.found.problem ? h("p", { class: "problem" }, this.found.problem) : null, named, groups(this.found, this.search.value, inputs));
    const folders = this.role === "base" ? this.found.folders : []; // others are no folders of one kind
    fill(this.folders, folders.length ? h("span", { class: "muted" }, t("models.added_folders")) : null,
      folders.map((folder) => h("span", { class: "chip" }, folder,
        h("button", { type: "button", class: "quiet", "aria-label": t("models.remove_folder", { folder }), onclick: () => this.#folder(folder, true) }, icon("close")))));
    this.known.hidden = !this.found.known.length;
    fill(this.known, h("summary", null, t("models.known")), knownList(this.found.known, this.fetch));
    this.known.open ||= !this.found.models.some((model) => !model.is_shipped && !model.problem);
  }

  #tick(model, isOn) {
    if (!this.several) this.chosen.clear();
    if (isOn) this.chosen.add(model.file);
    else this.chosen.delete(model.file);
  }

  /** A file that was named, browsed for or fetched: listed first, and chosen. */
  #name(model) {
    this.named.set(model.file, model);
    if (model.problem) return this.draw();
    this.#tick(model, true);
    return this.draw();
  }

  #arrived(file) {
    this.found &&= { ...this.found, models: this.found.models.filter((model) => model.file !== file) };
    this.ask.look(file);
  }

  async #browse() {
    const path = await browse({ title: t("models.browse"), pick: "file", start: this.found?.folder });
    if (path) this.ask.look(path);
  }

  async #addFolder() {
    const folder = await browse({ title: t("models.add_folder"), pick: "folder", start: this.found?.folder });
    if (folder) await this.#folder(folder, false);
  }

  #folder(folder, remove) {
    return attempt(async () => {
      await api.post("api/models/folders", { folder, remove });
      await this.load();
    });
  }

  /** A browser tells a path only where the file manager gives one; else name and size must do. */
  #drop(event) {
    event.preventDefault();
    const text = (event.dataTransfer.getData("text/uri-list") || event.dataTransfer.getData("text/plain")).split("\n")[0].trim();
    const file = event.dataTransfer.files[0];
    if (text) return this.ask.look(text);
    if (!file) return undefined;
    const model = this.found?.models.find((one) => one.bytes === file.size && one.file.split(/[\\/]/).pop() === file.name);
    if (!model) return this.ask.say(t("models.dropped_unknown", { name: file.name }));
    return this.#name(model);
  }
}
