// What a person can do with entries of the queue.

import * as api from "../../kit/api.js";
import { confirm, dialog } from "../../kit/dialog.js";
import { h } from "../../kit/dom.js";
import { t } from "../../kit/texts.js";
import { attempt, toast } from "../../kit/toast.js";
import { edit } from "./edit.js";
import { askForMore } from "./more.js";
import { hasEnded, isWaiting } from "./store.js";

const AT_ONCE = 20; // entries of one call
/** What can be done with an entry as it stands. */
export const ABLE = {
  pause: (entry) => ["running", "queued", "interrupted"].includes(entry.state) && entry.request !== "pause",
  resume: (entry) => entry.state === "paused" || entry.request === "pause",
  retry: (entry) => ["failed", "cancelled"].includes(entry.state),
  move: (entry) => isWaiting(entry),
  cancel: (entry) => !hasEnded(entry) && entry.request !== "cancel",
};
const EDITABLE = new Set(["train", "caption", "preview", "score"]); // what has settings

/** Does `action` with the entries, a few at a time; says what couldn't be done. */
export async function act(panel, action, ids, more = {}) {
  let refused = 0;
  let why = "";
  await attempt(async () => {
    for (let at = 0; at < ids.length; at += AT_ONCE) {
      const answer = await api.post("api/queue/act", { action, ids: ids.slice(at, at + AT_ONCE), ...more });
      refused += answer.refused.length;
      why ||= answer.refused[0]?.error;
    }
    if (refused) toast(t("queue.refused", { n: refused, why }), { kind: "error" });
  });
  await panel.refresh();
}

/** The entries of a menu for what can be done with an entry now; `main` ones are worth a button of their own. */
export function menuOf(entry, panel) {
  const one = (action, more) => act(panel, action, [entry.id], more);
  const items = [[t("queue.details"), () => panel.open(entry.id)]];
  const isRunning = entry.state === "running";
  if (ABLE.pause(entry)) items.push([t("queue.pause"), () => one("pause"), { main: true }]);
  if (ABLE.resume(entry)) items.push([t("queue.resume"), () => one("resume"), { main: true }]);
  if (isWaiting(entry)) {
    items.push([t("queue.run_now"), () => runNow(entry, panel), { main: true }]);
    items.push([t("queue.move_first"), () => one("move", { where: "first" })]);
    items.push([t("queue.move_last"), () => one("move", { where: "last" })]);
    items.push([t("queue.not_before"), () => askTime(entry, panel)]);
    if (entry.state !== "interrupted" && EDITABLE.has(entry.kind)) items.push([t("queue.edit"), () => edit(entry, panel)]);
  }
  if (ABLE.retry(entry)) items.push([t("queue.retry"), () => one("retry"), { main: true }]);
  if (isRunning && entry.can_finish && entry.request !== "finish") items.push([t("queue.finish"), () => one("finish")]);
  if (entry.state === "finished" && entry.can_finish) items.push([t("queue.go_on"), () => more(entry, panel)]);
  if (ABLE.cancel(entry)) items.push([t("queue.cancel"), () => cancel(entry, panel), { danger: true, main: true }]);
  return items;
}

export async function cancel(entry, panel) {
  const isCertain = entry.state !== "running" || (await confirm(t("queue.cancel"), t("queue.cancel_text"), t("queue.cancel"),
    { danger: true }));
  if (isCertain) await act(panel, "cancel", [entry.id]);
}

async function more(entry, panel) {
  const at = `api/v/${encodeURIComponent(entry.project)}/${encodeURIComponent(entry.version)}/`;
  if (await askForMore(at, [entry.name], panel.context.go)) await panel.refresh();
}

async function runNow(entry, panel) {
  const isBusy = panel.store.running().some((other) => other.lane === entry.lane);
  if (!isBusy || (await confirm(t("queue.run_now"), t("queue.run_now_text"), t("queue.run_now")))) await act(panel, "now", [entry.id]);
}

async function askTime(entry, panel) {
  const input = h("input", { type: "datetime-local", value: local(entry.not_before ? new Date(entry.not_before * 1000) : tonight()) });
  const answer = await dialog({
    title: t("queue.not_before"),
    body: [h("label", { class: "field" }, h("span", { class: "label" }, t("queue.not_before_label")), input)],
    buttons: [[t("kit.cancel"), null], [t("queue.any_time"), "any"], [t("queue.set_time"), "set", "primary"]],
    check: (value) => (value === "set" && !input.value ? t("kit.needed") : ""),
  });
  if (!answer) return;
  const when = answer === "any" ? null : new Date(input.value).getTime() / 1000;
  await act(panel, "not before", [entry.id], { when });
}

function tonight() {
  const date = new Date();
  date.setHours(22, 0, 0, 0);
  if (date < new Date()) date.setDate(date.getDate() + 1);
  return date;
}

const local = (date) => new Date(date.getTime() - date.getTimezoneOffset() * 60000).toISOString().slice(0, 16);
