// The tags of what is shown, with counts; a click filters by one.

import { h, icon } from "../../kit/dom.js";
import { number } from "../../kit/format.js";
import { t } from "../../kit/texts.js";
import { VirtualGrid } from "../../kit/virtual.js";
import { insight } from "./insight.js";
import { tagLists } from "./lists.js";
import { prune } from "./prune.js";

export class Tags {
  constructor(panel) {
    this.panel = panel;
    this.all = [];
    this.shown = [];
    this.search = h("input", { type: "search", placeholder: t("captions.find_tag"), "aria-label": t("captions.find_tag"),
      oninput: () => this.#show() });
    this.title = h("h2");
    this.view = new VirtualGrid({ width: 150, height: 28, gap: 2, draw: (index) => this.#row(...this.shown[index]),
      label: t("captions.tags") });
    this.node = h("section", { class: "card tag-counts" }, h("div", { class: "row tight" }, this.title, h("span", { class: "space" }),
      h("button", { class: "link small", onclick: () => prune(panel) }, t("insight.prune_button")),
      h("button", { class: "quiet", "aria-label": t("suggest.lists"), title: t("suggest.lists"), onclick: tagLists }, icon("gear"))), h("p", { class: "small muted" }, t("captions.tags_help")),
      this.search, this.view.node);
  }

  show(tags) {
    this.all = tags;
    this.title.textContent = t("captions.tags_title", { n: number(tags.length) });
    this.#show();
  }

  #show() {
    const wanted = this.search.value.trim().toLowerCase();
    this.shown = this.all.filter(([tag]) => tag.toLowerCase().includes(wanted));
    this.view.update(this.shown.length);
  }

  #row(tag, count) {
    const state = this.panel.filter.stateOf(tag);
    return h("div", { class: "tag-row" }, h("button", { class: `tag-count ${state}`, "aria-pressed": String(Boolean(state)), title: tag,
      onclick: () => this.panel.filter.turn(tag) },
      h("span", { class: "tag-count-name" }, tag), h("span", { class: "muted" }, number(count))),
      h("button", { class: "quiet", "aria-label": t("insight.look", { tag }), title: t("insight.look", { tag }), onclick: () => insight(this.panel, tag) }, icon("info")));
  }
}
