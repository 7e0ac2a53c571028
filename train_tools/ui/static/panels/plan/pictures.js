// The pictures that the plan's checkpoints will have: prompts, with some from the captions, and how they are made.

import * as api from "../../kit/api.js";
import { fill, h, icon } from "../../kit/dom.js";
import { number } from "../../kit/format.js";
import { finished } from "../../kit/task.js";
import { t } from "../../kit/texts.js";
import { attempt, toast } from "../../kit/toast.js";
import { settle } from "../../kit/wait.js";
import { PreviewFields } from "../compare/preview_fields.js";

const SAVE_MS = 700;
const COUNT_MS = 600;

/** A card for the form; `end()` sends what was typed and isn't saved yet. */
export function pictures(store) {
  const at = `${store.base}previews`;
  const body = h("div", { class: "compare-stack" });
  const node = h("section", { class: "card plan-pictures", "aria-labelledby": "plan-pictures" }, h("h2", { id: "plan-pictures" }, t("plan.pictures")), h("p", { class: "muted small" }, t("plan.pictures_text")), body);
  const says = h("p", { class: "muted small", role: "status" });
  const ideas = h("div", { class: "plan-ideas" });
  let fields = null;
  let seen = {};
  let typed = {};

  const count = settle(() => attempt(inWords), COUNT_MS);
  const save = settle(() => attempt(send), SAVE_MS);

  function change(name, text) {
    typed[name] = text;
    save();
    count();
  }

  /** What another window set meanwhile stays, and is shown. */
  async function send() {
    save.cancel();
    const given = typed;
    typed = {};
    if (!Object.keys(given).length) return;
    try {
      const done = await api.post(`${at}/settings`, { settings: given, seen });
      seen = done.values;
      if (Object.keys(done.conflicts).length) {
        toast(t("plan.pictures_conflict"));
        document.activeElement?.blur();
      }
      if (!Object.keys(typed).length) fields.show(done.values);
    } catch (error) {
      typed = { ...given, ...typed }; // sent again with the next change
      fill(says, h("span", { class: "problem" }, error.message));
    }
  }

  async function inWords() {
    const { plan } = store;
    if (!fields || !plan?.plan) return;
    const found = await finished(await api.post(`${store.base}plan/pictures`, { plan: plan.plan, settings: typed }));
    if (!found || plan !== store.plan) return;
    if (found.problem) {
      fill(says, h("span", { class: "problem" }, found.problem));
      return;
    }
    fields.showFamily(found.by_family);
    fill(says, found.total ? t("plan.pictures_count", { each: number(found.each), total: number(found.total) }) : t("plan.pictures_each", { each: number(found.each) }), found.notes.map((note) => ` ${note}`));
  }

  async function suggest() {
    const found = await finished(await api.get(`${store.base}plan/prompts`));
    if (!found) return;
    const use = (prompts) => {
      fields.input.value = prompts.join("\n");
      change("prompts", fields.input.value);
    };
    const mine = () => fields.input.value.split("\n").map((line) => line.trim()).filter(Boolean);
    const isOwn = (line) => line !== "{trigger}";
    const row = ({ prompt, kind, images }) => h("li", null,
      h("button", { class: "quiet", "aria-label": t("plan.add_prompt", { prompt }), title: t("plan.add_prompt", { prompt }), onclick: () => use([...new Set([...mine().filter(isOwn), prompt])]) }, icon("plus")),
      h("span", { class: "prompt" }, prompt), h("span", { class: "muted small" }, t(`plan.prompt_${kind}`, { n: number(images) })));
    fill(ideas, h("ul", null, found.prompts.map(row)),
      h("button", { onclick: () => use(found.prompts.map((one) => one.prompt)) }, icon("check"), t("plan.take_prompts")));
  }

  attempt(async () => {
    const about = await api.get(at);
    seen = about.values;
    // When they are made is chosen beside Start; which of them, when there are some.
    fields = new PreviewFields(about, change, ["automatic", "checkpoints", "runs"]);
    fill(body, fields.prompts, h("div", { class: "row" }, h("button", { onclick: () => attempt(suggest) }, icon("star"), t("plan.suggest_prompts"))), ideas,
      h("details", null, h("summary", null, t("plan.pictures_how")), fields.usual, fields.more), says);
    await inWords();
  });
  store.addEventListener("plan", count);
  return {
    node,
    end() {
      count.cancel();
      store.removeEventListener("plan", count);
      attempt(send);
    },
  };
}
