// Tags that the trigger word should carry, and tags that are too rare to be learned: taken out after a look.

import * as api from "../../kit/api.js";
import { dialog } from "../../kit/dialog.js";
import { fill, h } from "../../kit/dom.js";
import { number } from "../../kit/format.js";
import { t } from "../../kit/texts.js";
import { attempt } from "../../kit/toast.js";
import { bulk } from "./bulk.js";
import { change } from "./change.js";

export async function prune(panel) {
  const { project, version } = panel.context;
  const found = await attempt(() => api.get(api.versionPath(project, version, "tags/prunable")));
  if (!found) return;
  let next = null;
  const parts = found.concepts.map((one) => new Part(one, found.share, () => {
    next = () => bulk(panel, { kind: "first", tag: "{concept}", insert: true });
    document.querySelector("dialog[open]").close();
  }));
  const answer = await dialog({
    title: t("insight.prune"), wide: true,
    body: [h("p", null, t("insight.prune_text")), parts.length ? parts.map((part) => part.node) : h("p", { class: "note" }, t("insight.no_trigger"))],
    buttons: [[t("kit.cancel"), null], [t("insight.prune_do"), true, "primary"]],
    check: () => (parts.some((part) => part.chosen.size) ? "" : t("insight.nothing_chosen")),
  });
  if (answer) for (const part of parts) await part.apply(panel);
  next?.();
}

class Part {
  constructor({ concept, trigger, captions, without, tags, rare }, share, addTrigger) {
    Object.assign(this, { concept, trigger, captions, tags, rare, chosen: new Set() });
    const percent = h("input", { type: "range", min: "50", max: "100", step: "5", value: String(Math.round(share * 100)), "aria-label": t("insight.share"),
      oninput: () => this.#propose(Number(percent.value)) });
    this.words = h("span", { class: "muted" });
    this.list = h("div", { class: "prune-tags" });
    const rareList = h("div", { class: "prune-tags" }, rare.map(([tag, count]) => this.#choice(tag, count)));
    this.node = h("section", null, h("h3", null, t("insight.prune_of", { concept, trigger, n: number(captions) })),
      without ? h("p", { class: "note warn" }, t("insight.lacks_trigger", { n: number(without), trigger }), " ",
        h("button", { type: "button", class: "link", onclick: addTrigger }, t("captions.add_first"))) : null,
      captions ? h("label", { class: "row tight" }, t("insight.share"), percent, this.words) : null, this.list,
      rare.length ? h("details", null, h("summary", null, t("insight.rare", { n: number(rare.length) })), rareList) : null);
    if (captions) this.#propose(Number(percent.value));
  }

  #propose(percent) {
    this.words.textContent = `${percent} %`;
    const least = (percent / 100) * this.captions;
    const shown = this.tags.filter(([, count]) => count >= least);
    for (const [tag] of this.tags) if (!shown.some(([one]) => one === tag)) this.chosen.delete(tag);
    fill(this.list, shown.length ? shown.map(([tag, count]) => this.#choice(tag, count)) : h("p", { class: "muted" }, t("insight.none_so_common")));
  }

  #choice(tag, count) {
    const box = h("input", { type: "checkbox", checked: this.chosen.has(tag), onchange: () => (box.checked ? this.chosen.add(tag) : this.chosen.delete(tag)) });
    return h("label", { class: "row tight" }, box, tag, h("span", { class: "muted" }, `${number(count)}/${number(this.captions)}`));
  }

  /** Only where the trigger word stands, which is to carry them. */
  apply(panel) {
    if (!this.chosen.size) return undefined;
    return change(panel, { kind: "remove", tags: [...this.chosen].join(", ") }, { all_of: [this.trigger], concepts: [this.concept] });
  }
}
