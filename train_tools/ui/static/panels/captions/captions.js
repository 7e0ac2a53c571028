// The captions of the current revision's images: looked through, written, changed many at once, checked.

import * as api from "../../kit/api.js";
import { fill, h, icon } from "../../kit/dom.js";
import { number } from "../../kit/format.js";
import { poll } from "../../kit/poll.js";
import { watched } from "../../kit/task.js";
import { t } from "../../kit/texts.js";
import { attempt, toast } from "../../kit/toast.js";
import { bulk } from "./bulk.js";
import { captioner } from "./captioner.js";
import { check, checks } from "./checks.js";
import { Editor } from "./editor.js";
import { FilterBar } from "./filter.js";
import { Grid } from "./grid.js";
import { Job } from "./job.js";
import { readLists } from "./lists.js";
import { stepName } from "./steps.js";
import { Store } from "./store.js";
import { Tags } from "./tags.js";
import { Together } from "./together.js";

const EVERY = 2000; // milliseconds

class CaptionsPanel {
  constructor(root, context) {
    this.context = context;
    this.store = new Store(context);
    this.found = { names: [], tags: [], concepts: {} };
    this.findings = null;
    this.turn = 0;
    Object.assign(this, { grid: new Grid(this), editor: new Editor(this), together: new Together(this), filter: new FilterBar(this), tags: new Tags(this),
      job: new Job(this) });
    this.#layout(root);
    this.polling = poll(() => this.refresh(), EVERY);
    readLists();
    this.checking = attempt(() => check(this.store)).then((found) => found && this.checked(found));
    this.leaving = (event) => this.store.drafts.size && event.preventDefault();
    addEventListener("beforeunload", this.leaving);
  }

  #layout(root) {
    const tool = (drawing, label, run) => h("button", { class: "quiet", "aria-label": label, title: label, onclick: run }, icon(drawing));
    this.undoButton = tool("undo", t("captions.undo"), () => this.undo());
    this.redoButton = tool("redo", t("captions.redo"), () => this.redo());
    this.checkButton = h("button", { onclick: () => checks(this) });
    this.none = h("div", { class: "empty", hidden: true }, h("h2", null, t("captions.no_images")),
      h("p", { class: "muted" }, t("captions.no_images_text")),
      h("button", { class: "primary", onclick: () => this.context.go({ panel: "data" }) }, t("captions.to_data")));
    this.noMatch = h("div", { class: "empty", hidden: true }, h("h2", null, t("together.no_match")),
      h("p", { class: "muted" }, t("together.no_match_text")),
      h("button", { class: "primary", onclick: () => this.filter.clear() }, t("together.clear_filter")));
    this.work = h("div", { class: "caption-work" }, h("div", { class: "caption-list" }, this.grid.node, this.noMatch),
      h("div", { class: "caption-aside" }, this.editor.node, this.together.node, this.tags.node));
    this.tools = h("div", { class: "row tight" }, this.undoButton, this.redoButton, this.checkButton,
      h("button", { onclick: () => bulk(this) }, icon("edit"), t("captions.bulk")),
        h("button", { class: "primary", onclick: () => captioner(this) }, icon("star"), t("captions.captioner")));
    fill(root, h("div", { class: "row caption-head" }, h("h1", null, t("page.captions")), h("span", { class: "space" }), this.tools),
      this.job.node, this.filter.node, this.none, this.work);
    this.#drawHead();
  }

  async refresh() {
    const [changed] = await Promise.all([this.store.refresh(), this.job.refresh()]);
    if (changed) {
      this.grid.refresh(changed);
      this.editor.draw();
      this.#drawHead();
      await this.find();
      this.together.read();
    }
    await this.#retry();
  }

  refreshSoon() {
    return attempt(() => this.refresh());
  }

  /** Drafts that couldn't be saved, as while the captioner writes, are tried again; not the one in work. */
  async #retry() {
    const waiting = [...this.store.drafts].filter(([name,
      draft]) => draft.problem && (name !== this.editor.name || !this.editor.node.contains(document.activeElement)));
    for (const [name] of waiting) if ((await this.store.save(name)) === "saved") this.grid.refresh([name]);
    if (waiting.length) this.editor.draw();
  }

  async find() {
    const turn = ++this.turn;
    const found = await attempt(() => api.post(`${this.store.base}/find`, { filter: this.filter.value }));
    if (!found || turn !== this.turn) return;
    this.found = found;
    const names = found.names.filter((name) => this.store.items.has(name));
    const has = this.store.names.length > 0;
    this.none.hidden = has;
    for (const node of [this.work, this.filter.node]) node.hidden = !has;
    for (const button of this.tools.children) if (button !== this.undoButton && button !== this.redoButton) button.disabled = !has;
    this.filter.concepts(found.concepts);
    this.noMatch.hidden = !has || names.length > 0;
    this.grid.node.hidden = names.length === 0;
    this.grid.show(names);
    this.#count();
    this.tags.show(found.tags);
    if (!this.editor.name && names.length) this.select(names[0]);
  }

  #count() {
    const several = this.grid.several.length;
    const [n, of] = [this.grid.names.length, this.store.names.length];
    this.filter.count.textContent = several ? t("together.count", { several: number(several), n: number(n), of: number(of) })
      : t("captions.count", { n: number(n), of: number(of) });
    this.filter.all.disabled = !n || several === n;
  }

  #drawHead() {
    const { undo, redo } = this.store.head;
    this.undoButton.disabled = !undo;
    this.redoButton.disabled = !redo;
    this.undoButton.title = undo ? t("captions.undo_what", { what: stepName(undo) }) : t("captions.undo");
    this.redoButton.title = redo ? t("captions.redo_what", { what: stepName(redo) }) : t("captions.redo");
    const grave = this.findings?.filter((finding) => finding.severity !== "hint").length || 0;
    fill(this.checkButton, icon(grave ? "warning" : "check"), t("captions.check"),
      grave ? h("span", { class: "chip warn" }, String(grave)) : null);
  }

  /** The longest caption that isn't cut, as the plan's settings say. */
  get limit() {
    return this.maxTokens ?? this.store.head.limits[0];
  }

  checked({ findings, limit }) {
    Object.assign(this, { findings, maxTokens: limit });
    this.#drawHead();
    this.grid.refresh(this.grid.names);
    this.editor.draw();
  }

  select(name) {
    if (name) this.grid.choose(name);
  }

  /** What is chosen in the grid is another one, or there are several. */
  chosen() {
    const several = this.grid.several;
    if (this.grid.current) this.editor.open(this.grid.current, several.length > 0);
    this.together.show(several);
    this.#count();
  }

  toEditor() {
    (this.grid.several.length ? this.together : this.editor).focus();
  }

  tellConflict(name) {
    toast(t("captions.conflict_in", { name }), { kind: "error", action: [t("captions.look"), () => this.select(name)] });
  }

  undo() {
    return this.#step("undo");
  }

  redo() {
    return this.#step("redo");
  }

  async #step(which) {
    await this.editor.save(this.editor.name);
    const done = await attempt(async () => {
      const answer = await api.post(`${this.store.base}/${which}`);
      return watched(which === "undo" ? t("captions.undo") : t("captions.redo"), answer, number);
    });
    if (done) toast(which === "undo" ? t("captions.undone", { what: stepName(done.what), n: done.count }) : t("captions.redone",
      { what: stepName(done.what), n: done.count }));
    if (done?.kept.length) toast(t("captions.left_alone", { n: done.kept.length, name: done.kept[0][0] }), { kind: "error" });
    await this.refreshSoon();
  }

  unmount() {
    this.polling.end();
    this.editor.save(this.editor.name);
    removeEventListener("beforeunload", this.leaving);
    this.grid.view.end();
    this.tags.view.end();
  }
}

export default {
  mount(root, context) {
    const panel = new CaptionsPanel(root, context);
    return { unmount: () => panel.unmount() };
  },
};
