// Several chosen captions at once: the tags that all or some of them have, taken away or given to all.

import * as api from "../../kit/api.js";
import { fill, h, icon } from "../../kit/dom.js";
import { number } from "../../kit/format.js";
import { t } from "../../kit/texts.js";
import { attempt } from "../../kit/toast.js";
import { bulk } from "./bulk.js";
import { change } from "./change.js";
import { tagField } from "./tag_field.js";

const MOST = 300; // tags that are shown

export class Together {
  constructor(panel) {
    this.panel = panel;
    this.names = [];
    this.turn = 0;
    this.work = Promise.resolve();
    this.title = h("h2");
    this.input = tagField(panel, { label: t("together.add"), onpick: (text) => this.#do({ kind: "add", tags: text, back: true }) });
    this.tags = h("div", { class: "tag-list", role: "list", "aria-label": t("together.tags") });
    this.more = h("p", { class: "small muted" });
    this.node = h("section", { class: "card editor together", "aria-label": t("together.label"), hidden: true,
      onkeydown: (event) => this.#key(event) },
      h("div", { class: "row tight" }, this.title, h("span", { class: "space" }),
        h("button", { class: "link", onclick: () => panel.grid.choose(panel.grid.current) }, t("together.none"))),
      h("p", { class: "small muted" }, t("together.help")),
      this.input.node, h("div", { class: "tag-box" }, this.tags), this.more,
      h("div", { class: "row tight" }, h("button", { onclick: () => bulk(panel) }, icon("edit"), t("together.edit"))));
  }

  /** `names` of captions; none hides it. */
  show(names) {
    this.names = names;
    this.node.hidden = names.length === 0;
    if (!names.length) return;
    this.title.textContent = t("together.title", { n: number(names.length) });
    this.read();
  }

  focus() {
    this.input.focus();
  }

  async read() {
    if (!this.names.length) return;
    const turn = ++this.turn;
    const found = await attempt(() => api.post(`${this.panel.store.base}/find`, { filter: { names: this.names } }));
    if (!found || turn !== this.turn) return;
    this.#draw(found.tags);
  }

  #draw(tags) {
    const n = this.names.length;
    const had = document.activeElement?.closest?.(".together .tag")?.dataset.tag;
    const shown = tags.slice(0, MOST);
    fill(this.tags, shown.map(([tag, count]) => this.#tag(tag, count, n)));
    this.more.textContent = tags.length ? (tags.length > MOST ? t("captions.and_more", { n: number(tags.length - MOST) }) : "")
      : t("together.no_tags");
    if (!had) return;
    const names = shown.map(([tag]) => tag);
    const place = Math.max(0, names.indexOf(had));
    (this.tags.querySelectorAll(".tag-name")[place] ?? this.input).focus();
  }

  #tag(tag, count, n) {
    const isAll = count >= n;
    const words = isAll ? t("together.in_all", { tag }) : t("together.in_some", { tag, count: number(count), n: number(n) });
    return h("span", { role: "listitem", class: `tag ${isAll ? "" : "some"}`, dataset: { tag } },
      h("button", { type: "button", class: "tag-name", "aria-label": words, title: words, onclick: () => isAll || this.#give(tag),
        onkeydown: (event) => this.#tagKey(event, tag) }, tag, isAll ? null : h("span", { class: "muted" }, ` ${number(count)}/${number(n)}`)),
      h("button", { type: "button", class: "tag-off", tabindex: "-1", "aria-label": t("together.remove", { tag }),
        title: t("together.remove", { tag }), onclick: () => this.#do({ kind: "remove", tags: tag, exact: true }) }, "×"));
  }

  #give(tag) {
    return this.#do({ kind: "add", tags: tag, back: true });
  }

  #tagKey(event, tag) {
    const all = [...this.tags.querySelectorAll(".tag-name")];
    const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (event.key === "Delete" || event.key === "Backspace") this.#do({ kind: "remove", tags: tag, exact: true });
    else if (step) (all[all.indexOf(event.target) + step] ?? this.input).focus();
    else return;
    event.preventDefault();
  }

  #key(event) {
    if (event.key !== "Escape" || event.defaultPrevented) return;
    this.panel.grid.node.focus();
    event.preventDefault();
  }

  /** One after another: each is seen by the next. */
  #do(edit) {
    const filter = { names: this.names };
    this.work = this.work.then(() => change(this.panel, edit, filter)).then(() => this.read());
    return this.work;
  }
}
