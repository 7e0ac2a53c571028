// From the plan into the queue.

import { confirm, dialog } from "../../kit/dialog.js";
import { h } from "../../kit/dom.js";
import { number } from "../../kit/format.js";
import { watched } from "../../kit/task.js";
import { t } from "../../kit/texts.js";
import { attempt, toast } from "../../kit/toast.js";

/** Queues what is to be trained of the plan that is shown; where that has changed meanwhile, shows the new one instead. */
export async function start(store, plan, more, go) {
  if (store.starting) return; // pressed twice
  if (plan.toys && !(await confirm(t("plan.toy_title"), t("plan.toy_text", { n: number(plan.toys) }), t("plan.toy_yes")))) return;
  store.starting = true;
  const made = await attempt(async () => watched(t("plan.starting"), await store.start({ identity: plan.identity, toy: plan.toys > 0, ...more })));
  store.starting = false;
  if (!made) return;
  if (made.changed) {
    store.takePlan(made.changed);
    toast(t("plan.changed_meanwhile"), { kind: "error" });
    return;
  }
  const rest = made.labels.join("; ") + (made.refused > made.labels.length ? " …" : "");
  const said = [t("plan.queued", { n: number(made.queued) }), made.refused ? t("plan.left_out", { n: number(made.refused), names: rest }) : ""];
  toast(said.filter(Boolean).join(" "), { action: [t("plan.to_queue"), () => go({ panel: "queue" })] });
  await store.makePlan();
}

/** Not before a time, in another lane, without a second try with smaller packs. */
export async function startLater(store, plan, go) {
  const when = h("input", { type: "datetime-local", min: local(new Date()) });
  const lane = h("input", { type: "text", value: "gpu", spellcheck: "false", autocomplete: "off" });
  const shrink = h("input", { type: "checkbox", checked: true });
  const field = (label, input, help) => h("label", { class: "field" }, h("span", { class: "label" }, label), input, h("span", { class: "help" }, help));
  const yes = await dialog({
    title: t("plan.later"),
    body: [field(t("plan.not_before"), when, t("plan.not_before_text")), field(t("plan.lane"), lane, t("plan.lane_text")), h("label", { class: "row tick" }, shrink, h("span", null, t("plan.may_shrink")))],
    buttons: [[t("kit.cancel"), null], [t("plan.start", { n: number(plan.to_train) }), true, "primary"]],
    check: () => (when.value && new Date(when.value) < Date.now() ? t("plan.time_is_past") : ""),
  });
  if (!yes) return;
  const conditions = { lane: lane.value.trim(), may_shrink: shrink.checked };
  if (when.value) conditions.not_before = Math.floor(new Date(when.value).getTime() / 1000);
  await start(store, plan, conditions, go);
}

const local = (date) => new Date(date.getTime() - date.getTimezoneOffset() * 60_000).toISOString().slice(0, 16);

/** Finished runs once more; asked first, as it costs a night. */
export async function again(store, go) {
  const plan = await attempt(() => store.planned({ again: true }));
  if (!plan) return;
  if (plan.problem) {
    toast(plan.problem, { kind: "error" });
    return;
  }
  if (await confirm(t("plan.train_again"), t("plan.again_text", { n: number(plan.to_train) }), t("plan.train_again"))) await start(store, plan, { again: true }, go);
  else await store.makePlan();
}
