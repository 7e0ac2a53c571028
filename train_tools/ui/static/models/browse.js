// The server's disks: a folder at a time, until a file or folder is taken.

import * as api from "../kit/api.js";
import { dialog } from "../kit/dialog.js";
import { fill, h, icon } from "../kit/dom.js";
import { bytes } from "../kit/format.js";
import { sentence, t } from "../kit/texts.js";

/** Resolves to a path, null where none was taken. `pick` is "file" (of a model, or its folder), "folder" or "any". */
export async function browse({ title, pick, start = "" }) {
  const browser = new Browser(pick);
  const answer = dialog({
    title, wide: true, body: [browser.node],
    buttons: [[t("kit.cancel"), null], [t("plan.take"), true, "primary"]],
    check: () => (browser.taken ? "" : pick === "folder" ? t("models.choose_folder") : t("models.choose_one")),
  });
  browser.go(start);
  return (await answer) ? browser.taken : null;
}

class Browser {
  constructor(pick) {
    Object.assign(this, { pick, taken: "" });
    this.tops = h("div", { class: "row tight small" });
    this.path = h("input", { type: "text", spellcheck: "false", autocomplete: "off", "aria-label": t("models.folder"), onkeydown: (event) => {
      if (event.key !== "Enter") return;
      event.preventDefault();
      this.go(this.path.value.trim());
    } });
    this.up = h("button", { type: "button", "aria-label": t("models.up"), title: t("models.up"), onclick: () => this.go(this.parent) }, icon("up"));
    this.list = h("div", { class: "browse-list", role: "group", "aria-label": t("models.in_folder") });
    this.problem = h("p", { class: "problem", role: "alert" });
    this.node = h("div", { class: "browse" }, this.tops, h("div", { class: "row browse-path" }, this.up, this.path), this.problem, this.list);
  }

  async go(folder) {
    try {
      const { tops, listing } = await api.get("api/models/browse", { folder, all: this.pick === "any" ? "1" : "" });
      fill(this.tops, tops.map((top) => h("button", { type: "button", class: "link", onclick: () => this.go(top) }, top)));
      if (!listing && tops.length) return await this.go(tops[0]);
      fill(this.problem);
      if (listing) this.#show(listing);
    } catch (error) {
      fill(this.problem, sentence(error.message));
      if (folder && !this.parent) await this.go("");
    }
    return undefined;
  }

  #show(listing) {
    this.parent = listing.parent;
    this.path.value = listing.folder;
    this.up.disabled = !listing.parent;
    this.taken = this.pick === "folder" ? listing.folder : "";
    const shown = listing.entries.filter((entry) => entry.is_folder || this.pick !== "folder");
    fill(this.list, shown.map((entry) => (entry.is_folder && !(entry.is_model && this.pick === "file") ? this.#folder(entry) : this.#file(entry))),
      shown.length ? null : h("p", { class: "muted" }, t("models.nothing_here")),
      listing.more ? h("p", { class: "muted small" }, t("models.more_here", { n: listing.more })) : null);
    this.list.scrollTop = 0;
  }

  #folder(entry) {
    return h("button", { type: "button", class: "browse-row", onclick: () => this.go(entry.path) }, icon("folder"), h("span", { class: "name" }, entry.name), icon("right"));
  }

  #file(entry) {
    const input = h("input", { type: "radio", name: "browsed", onchange: () => (this.taken = entry.path) });
    return h("label", { class: "browse-row" }, input, entry.is_folder ? icon("folder") : null, h("span", { class: "name" }, entry.name),
      h("span", { class: "muted small size" }, entry.is_folder ? t("models.diffusers") : bytes(entry.bytes)));
  }
}
