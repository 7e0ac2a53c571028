// The caption of the chosen image. It is saved as soon as one leaves it.

import * as api from "../../kit/api.js";
import { append, fill, h, icon } from "../../kit/dom.js";
import { t } from "../../kit/texts.js";
import { attempt } from "../../kit/toast.js";
import { Chips, isSimple } from "./chips.js";
import { fileOf } from "./grid.js";
import { plain } from "./store.js";
import { suggesting } from "./suggest.js";

const KEY = "train-tools.captions.as-text";

export class Editor {
  constructor(panel) {
    this.panel = panel;
    this.name = "";
    this.asText = localStorage.getItem(KEY) === "1";
    this.title = h("strong", { class: "editor-name" });
    this.tokens = h("span", { class: "chip" });
    this.picture = h("a", { target: "_blank", rel: "noopener", class: "editor-picture" });
    this.text = h("textarea", { "aria-label": t("captions.caption"), spellcheck: "true", oninput: () => this.#typed(this.text.value) });
    this.chips = new Chips({ onchange: (text) => this.#typed(text), panel });
    suggesting(this.text, panel);
    this.modes = h("div", { class: "row tight", role: "group", "aria-label": t("captions.mode") },
      h("button", { class: "small", onclick: () => this.#mode(false) }, t("captions.as_tags")),
        h("button", { class: "small", onclick: () => this.#mode(true) }, t("captions.as_text")));
    this.state = h("div", { class: "small editor-state", role: "status" });
    this.node = h("section", { class: "card editor", "aria-label": t("captions.editor"), hidden: true, onfocusout: () => this.#left(),
      onkeydown: (event) => this.#key(event) },
      h("div", { class: "row tight" }, this.title, h("span", { class: "space" }), this.tokens,
        this.#arrow(-1, "left", t("captions.previous")), this.#arrow(1, "right", t("captions.next"))),
      this.picture, this.modes, this.chips.node, this.text, this.state);
  }

  #arrow(step, drawing, label) {
    return h("button", { class: "quiet", "aria-label": label, title: label,
      onclick: () => this.panel.select(this.panel.grid.next(step)) }, icon(drawing));
  }

  /** `isHidden` while several are chosen. */
  open(name, isHidden = false) {
    if (this.name && (this.name !== name || isHidden)) this.save(this.name);
    Object.assign(this, { name, isHidden });
    this.draw();
  }

  focus() {
    if (!this.name) return;
    (this.text.hidden ? this.chips : this.text).focus();
  }

  /** Shows the chosen caption as it is now; what is being typed stays. */
  draw() {
    const { store, context } = this.panel;
    const item = store.items.get(this.name);
    this.node.hidden = !item || this.isHidden;
    if (!item) return;
    const text = store.textOf(this.name);
    const asText = this.asText || !isSimple(text);
    this.title.textContent = fileOf(item);
    const source = api.versionPath(context.project, context.version, item.image, "thumbs") + api.queryOf({ side: 384, v: item.stamp });
    if (this.shown !== source) fill(this.picture, h("img", { src: source, alt: fileOf(item) }));
    this.shown = source;
    this.picture.href = api.versionPath(context.project, context.version, item.image, "files");
    this.text.hidden = !asText;
    this.chips.node.hidden = asText;
    if (this.text.value !== text) this.text.value = text;
    this.chips.show(text);
    [...this.modes.children].forEach((button, index) => button.setAttribute("aria-pressed", String(Boolean(index) === asText)));
    this.modes.firstChild.disabled = !isSimple(text);
    this.#tokens(item);
    this.#state(item);
  }

  #tokens(item) {
    const isLong = item.tokens > this.panel.limit;
    this.tokens.className = `chip ${isLong ? "warn" : ""}`;
    this.tokens.hidden = item.tokens === null;
    this.tokens.textContent = t("captions.tokens_of", { n: item.tokens ?? 0, limit: this.panel.limit });
    this.tokens.title = isLong ? t("captions.too_long", { limit: this.panel.limit }) : t("captions.tokens_help");
  }

  #state() {
    const { store } = this.panel;
    const draft = store.drafts.get(this.name);
    const item = store.items.get(this.name);
    fill(this.state);
    this.text.readOnly = Boolean(item.problem);
    if (item.problem) return append(this.state, [h("span", { class: "problem" }, item.problem)]);
    if (store.isConflict(this.name)) return append(this.state, [this.#conflict(draft, item)]);
    if (draft?.problem) return append(this.state, [h("span", { class: "problem" }, t("captions.not_saved", { why: draft.problem }))]);
    append(this.state, [h("span", { class: "muted" },
      draft ? t("captions.saves_soon") : this.saved === this.name ? t("captions.saved") : t("captions.saves"))]);
  }

  #conflict(draft, item) {
    const theirs = plain(draft.theirs === undefined ? item.text : draft.theirs);
    const settle = async (mine) => {
      await attempt(() => store.settle(name, mine));
      this.draw();
      this.panel.refreshSoon();
    };
    const { store } = this.panel;
    const { name } = this;
    return h("div", { class: "note warn", role: "alert" }, icon("warning"), h("div", null, t("captions.conflict_text"),
      h("blockquote", { class: "theirs" }, theirs || t("captions.none")),
      h("div", { class: "row tight" }, h("button", { onclick: () => settle(true) }, t("captions.keep_mine")),
        h("button", { onclick: () => settle(false) }, t("captions.take_theirs")))));
  }

  #typed(text) {
    this.saved = "";
    this.panel.store.write(this.name, text);
    const item = this.panel.store.items.get(this.name);
    this.#state(item);
    this.text.value = text;
    this.panel.grid.refresh([this.name]);
  }

  #mode(asText) {
    this.asText = asText;
    localStorage.setItem(KEY, asText ? "1" : "0");
    this.draw();
    this.focus();
  }

  /** A chip that is drawn anew loses the focus only for a moment. */
  #left() {
    const { name } = this;
    setTimeout(() => !this.node.contains(document.activeElement) && this.save(name));
  }

  #key(event) {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) this.save(this.name);
    else if (event.altKey && (event.key === "PageDown" || event.key === "PageUp")) {
      this.panel.select(this.panel.grid.next(event.key === "PageDown" ? 1 : -1));
      this.focus();
    } else if (event.key === "Escape") this.panel.grid.node.focus();
    else return;
    event.preventDefault();
  }

  async save(name) {
    const result = await this.panel.store.save(name);
    if (!result) return;
    if (result === "saved") this.saved = name;
    this.panel.grid.refresh([name]);
    if (name === this.name) this.draw();
    if (result === "conflict" && name !== this.name) this.panel.tellConflict(name);
    if (result === "saved") this.panel.refreshSoon();
  }
}
