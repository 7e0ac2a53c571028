// The TOML that a run will be trained with, to read, copy and edit.

import * as api from "../../kit/api.js";
import { append, fill, h, icon } from "../../kit/dom.js";
import { open } from "../../kit/layers.js";
import { named, titled } from "../../kit/names.js";
import { sentence, t } from "../../kit/texts.js";
import { attempt, toast } from "../../kit/toast.js";
import { apply } from "./apply.js";

export async function openRun(store, plan, { index }) {
  const run = await attempt(() => api.get(`${store.base}plan/run`, { plan: plan.plan, index }));
  if (!run) return;
  const text = h("textarea", { class: "mono toml", spellcheck: "false", "aria-label": t("plan.toml_of", { name: run.name }), rows: 18, value: run.toml });
  const problem = h("p", { class: "problem", role: "alert" });
  const node = h("dialog", { class: "wide", "aria-label": run.name });
  const save = async (only) => {
    try {
      const made = await api.post(`${store.base}plan/run`, { plan: plan.plan, index, toml: text.value, only });
      take(store, made);
      node.close();
    } catch (error) {
      if (error.status === undefined) throw error;
      fill(problem, sentence(error.message));
    }
  };
  append(node, [
    h("div", { class: "row" }, h("h2", null, titled(run.label)), h("span", { class: "space" }), h("button", { class: "quiet", "aria-label": t("kit.close"), onclick: () => node.close() }, icon("close"))),
    run.label === run.name ? null : h("p", { class: "muted small mono name" }, run.name),
    run.reasons.map((reason) => h("p", { class: "note bad" }, icon("warning"), h("span", null, sentence(reason)))),
    h("p", { class: "muted small" }, t("plan.toml_text")), text, problem,
    h("div", { class: "buttons" },
      h("button", { onclick: () => copy(text.value) }, icon("copy"), t("plan.copy")), h("span", { class: "space" }),
      run.is_only ? null : h("button", { onclick: () => save(true) }, t("plan.only_this_run")),
      h("button", { class: "primary", onclick: () => save(false) }, t(run.is_only ? "plan.take_changes" : "plan.all_runs")))]);
  open(node);
  text.focus();
  text.setSelectionRange(0, 0);
  text.scrollTop = 0;
}

function take(store, { changes, changed }) {
  const words = Object.entries(changed).map(([name, [old, now]]) => t("plan.changed_from", { name: named(name), old, now }));
  if (words.length) apply(store, changes, words.join("; "));
  else toast(t("plan.nothing_changed"));
}

async function copy(text) {
  await attempt(async () => {
    // Pages on plain http have no clipboard, but in Chromium and Firefox on localhost.
    if (!navigator.clipboard) throw Object.assign(new Error(t("plan.no_clipboard")), { status: 0 });
    await navigator.clipboard.writeText(text);
    toast(t("plan.copied"));
  });
}
