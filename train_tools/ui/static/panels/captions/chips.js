// A caption as tags: each a button that the keyboard reaches, and a field for the next one.

import { fill, h } from "../../kit/dom.js";
import { FULL_COMMAS } from "../../kit/halfwidth.js";
import { t } from "../../kit/texts.js";
import { suggesting } from "./suggest.js";

/** Whether a text is one line of tags, so that taking it apart and together changes nothing that matters. */
export const isSimple = (text) => !/[\r\n]|\|\|\||;;;|\{/.test(text);

export const tagsOf = (text) => text.split(",").map((tag) => tag.trim()).filter(Boolean);

/** As somebody types them, who may not think of which comma it is. */
export const typedTags = (text) => tagsOf(text.replace(FULL_COMMAS, ","));

/** { node, show(text), focus() }; `onchange(text)` is called after each change. */
export class Chips {
  constructor({ onchange, panel }) {
    Object.assign(this, { onchange, tags: [] });
    this.input = h("input", { type: "text", spellcheck: "false", placeholder: t("captions.add_tag"), "aria-label": t("captions.add_tag") });
    this.offered = suggesting(this.input, panel, { pick: (tag) => ((this.input.value = tag), this.#take()) });
    this.input.addEventListener("keydown", (event) => this.#typed(event));
    this.input.addEventListener("blur", () => this.#take());
    this.chips = h("span", { class: "tag-list", role: "list" });
    this.node = h("div", { class: "tag-box", onclick: (event) => event.target === this.node && this.input.focus() }, this.chips,
      this.input);
  }

  show(text) {
    const tags = tagsOf(text);
    if (tags.length === this.tags.length && tags.every((tag, index) => tag === this.tags[index])) return;
    this.tags = tags;
    this.#draw();
  }

  focus() {
    this.input.focus();
  }

  #draw(focused = -1) {
    fill(this.chips, this.tags.map((tag, index) => h("span", { role: "listitem", class: "tag" },
      h("button", { type: "button", class: "tag-name", "aria-label": t("captions.tag_keys", { tag }), title: t("captions.tag_help"),
        onkeydown: (event) => this.#key(event, index), ondblclick: () => this.#edit(index) }, tag),
      h("button", { type: "button", class: "tag-off", tabindex: "-1", "aria-label": t("captions.remove_tag", { tag }),
        onclick: () => this.#remove(index, true) }, "×"))));
    if (focused >= 0) this.#chip(focused)?.focus();
  }

  #chip(index) {
    return this.chips.querySelectorAll(".tag-name")[index];
  }

  #change(tags, focused) {
    this.tags = tags;
    this.#draw(focused);
    this.onchange(tags.join(", "));
  }

  #remove(index, toInput = false) {
    const rest = this.tags.filter((_, at) => at !== index);
    this.#change(rest, toInput ? -1 : Math.min(index, rest.length - 1));
    if (toInput || !rest.length) this.input.focus();
  }

  #edit(index) {
    const tag = this.tags[index];
    this.#remove(index, true);
    this.input.value = tag;
    this.at = index; // it comes back to its place
  }

  #key(event, index) {
    const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (event.ctrlKey || event.metaKey) return;
    if (event.key === "Delete" || event.key === "Backspace") this.#remove(index);
    else if (event.key === "Enter" || event.key === "F2") this.#edit(index);
    else if (step && event.altKey) this.#move(index, step);
    else if (step && index + step >= this.tags.length) this.input.focus();
    else if (step) this.#chip(index + step)?.focus();
    else return;
    event.preventDefault();
  }

  #move(index, step) {
    const to = index + step;
    if (to < 0 || to >= this.tags.length) return;
    const tags = [...this.tags];
    tags.splice(to, 0, tags.splice(index, 1)[0]);
    this.#change(tags, to);
  }

  #typed(event) {
    const { input } = this;
    if ((event.key === "Enter" || /^[,\uff0c\u3001\uff1b]$/.test(event.key)) && !event.isComposing) {
      if (!input.value.trim() && event.key === "Enter") return;
      this.#take();
      event.preventDefault();
    } else if (event.key === "Backspace" && !input.value && this.tags.length) {
      this.#remove(this.tags.length - 1, true);
      event.preventDefault();
    } else if (event.key === "ArrowLeft" && input.selectionStart === 0 && input.selectionEnd === 0 && this.tags.length) {
      this.#chip(this.tags.length - 1).focus();
      event.preventDefault();
    }
  }

  /** What stands in the field becomes tags; one that is there already isn't added twice. */
  #take() {
    const fresh = typedTags(this.input.value).filter((tag) => !this.tags.includes(tag));
    this.input.value = "";
    this.offered.close();
    const at = this.at ?? this.tags.length;
    this.at = undefined;
    if (fresh.length) this.#change([...this.tags.slice(0, at), ...fresh, ...this.tags.slice(at)], -1);
  }
}
