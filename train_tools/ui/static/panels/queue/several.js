// Several entries at once: chosen as in a file manager, and what can be done with them.

import { confirm } from "../../kit/dialog.js";
import { fill, h, icon } from "../../kit/dom.js";
import { number } from "../../kit/format.js";
import { t } from "../../kit/texts.js";
import { Selection } from "../../kit/selection.js";
import { ABLE, act } from "./actions.js";

// In the order of the buttons; `where` is for "move". What goes first keeps its order by going last one first.
const ACTIONS = [
  { name: "pause" }, { name: "resume" }, { name: "retry" },
  { name: "move", label: "move_first", more: { where: "first" }, backwards: true },
  { name: "move", label: "move_last", more: { where: "last" } },
  { name: "cancel", label: "cancel_several", danger: true },
];

export class Several {
  constructor(panel, root) {
    Object.assign(this, { panel, root });
    this.selection = new Selection(() => this.#rows().map((node) => Number(node.dataset.id)), () => this.show());
    this.node = h("div", { class: "several card row tight", role: "toolbar", "aria-label": t("queue.several"), hidden: true });
    root.addEventListener("click", (event) => this.#click(event));
    root.addEventListener("mousedown", (event) => {
      if ((event.shiftKey || event.ctrlKey || event.metaKey) && event.target.closest(".entry[data-id]")) event.preventDefault(); // marks no text
    });
    root.addEventListener("keydown", (event) => this.#key(event));
  }

  /** Rows that are in the page now, in their order; those of a closed batch aren't. */
  #rows() {
    return [...this.root.querySelectorAll(".entry[data-id]")].filter((node) => !node.closest("details:not([open])"));
  }

  #click(event) {
    const row = event.target.closest(".entry[data-id]");
    const pick = event.target.closest(".pick");
    if (!row || (!pick && event.target.closest("button, a, input, summary, label"))) return;
    if (!pick && String(getSelection())) return; // a text was marked
    const index = this.#rows().indexOf(row);
    const id = Number(row.dataset.id);
    const { selection } = this;
    if (event.shiftKey) selection.click(index, event);
    else if (pick || event.ctrlKey || event.metaKey) selection.toggle(index);
    else if (selection.has(id) && selection.list().length === 1) selection.none();
    else selection.only(index);
  }

  #key(event) {
    if (event.target.closest("input:not(.pick), textarea, select, dialog, .menu")) return;
    const isAll = event.key === "a" && (event.ctrlKey || event.metaKey);
    if (isAll) this.selection.all();
    else if (event.key === "Escape" && this.selection.list().length) this.selection.none();
    else return;
    event.preventDefault();
  }

  /** After each change of the rows or the choice. */
  show() {
    const chosen = this.selection.list();
    for (const node of this.root.querySelectorAll(".entry[data-id]")) {
      const is = this.selection.has(Number(node.dataset.id));
      node.classList.toggle("picked", is);
      node.querySelector(".pick").checked = is;
    }
    const entries = chosen.map((id) => this.panel.store.entries.get(id)).filter(Boolean);
    const said = `${chosen} ${ACTIONS.map((action) => entries.filter(ABLE[action.name]).length)}`;
    this.root.classList.toggle("picking", entries.length > 0);
    this.node.hidden = !entries.length;
    if (this.said === said) return;
    this.said = said;
    const had = this.node.contains(document.activeElement) ? document.activeElement.dataset.action : "";
    fill(this.node, h("strong", null, t("queue.chosen", { n: number(entries.length) })),
      h("button", { class: "link", onclick: () => this.selection.all() }, t("queue.choose_all")), h("span", { class: "space" }),
      ACTIONS.map((action) => this.#button(action, entries)),
      h("button", { class: "quiet", "aria-label": t("queue.choose_none"), title: t("queue.choose_none"), onclick: () => this.selection.none() }, icon("close")));
    if (had) this.node.querySelector(`[data-action="${had}"]`)?.focus();
  }

  #button(action, entries) {
    const able = entries.filter(ABLE[action.name]);
    if (!able.length) return null;
    const label = t(`queue.${action.label ?? action.name}`);
    return h("button", { class: action.danger ? "danger" : "", dataset: { action: action.label ?? action.name }, onclick: () => this.#do(action, able) },
      able.length < entries.length ? `${label} (${number(able.length)})` : label);
  }

  async #do({ name, more, backwards }, entries) {
    const isAsked = name === "cancel" && (entries.length > 1 || entries[0].state === "running");
    const words = t("queue.cancel_several_text", { n: number(entries.length) });
    if (isAsked && !(await confirm(t("queue.cancel_several"), words, t("queue.cancel_several_yes", { n: number(entries.length) }), { danger: true }))) return;
    const order = new Map(this.panel.store.order.map((id, place) => [id, place]));
    const ids = entries.map((entry) => entry.id).sort((a, b) => order.get(a) - order.get(b));
    await act(this.panel, name, backwards ? ids.reverse() : ids, more);
  }
}
