// What to know about the captions before training, each with what to do.

import * as api from "../../kit/api.js";
import { dialog } from "../../kit/dialog.js";
import { h, icon } from "../../kit/dom.js";
import { finished } from "../../kit/task.js";
import { t } from "../../kit/texts.js";
import { attempt, toast } from "../../kit/toast.js";
import { bulk } from "./bulk.js";
import { captioner } from "./captioner.js";

export const check = async (store) => finished(await api.get(`${store.base}/check`));

const TONES = { error: "bad", warning: "warn", hint: "" };

export async function checks(panel) {
  const found = await attempt(() => check(panel.store));
  if (!found) return;
  panel.checked(found);
  let next = null;
  const leave = (then) => () => {
    next = then;
    document.querySelector("dialog[open]").close();
  };
  const rows = found.findings.map((finding) => row(finding, found, panel, leave));
  await dialog({
    title: t("captions.checks"), wide: true,
    body: rows.length ? rows : [h("p", { class: "note good" }, icon("check"), t("captions.all_well"))],
    buttons: [[t("kit.close"), null]],
  });
  next?.();
}

/** Has training draw one line of a caption in each step. */
async function drawLines(panel) {
  const answer = await attempt(() => api.post(`${panel.context.base}plan/settings`, { changes: { enable_wildcard: "true" }, seen: {} }));
  if (!answer) return;
  const why = answer.errors.enable_wildcard || ("enable_wildcard" in answer.conflicts ? t("captions.wildcard_differs") : "");
  toast(why || t("captions.wildcard_on"), why ? { kind: "error" } : {});
  await panel.find();
}

function row(finding, found, panel, leave) {
  const isAll = finding.id === "caption-missing" && !finding.where.length;
  const values = { n: finding.where.length, tag: found.called, limit: found.limit };
  const words = isAll ? t("captions.finding_all-missing") : t(`captions.finding_${finding.id}`, values);
  const actions = fixes(finding, found, panel).map(([label, run]) => h("button", { type: "button", onclick: leave(run) }, label));
  return h("div", { class: `note ${TONES[finding.severity]}` }, icon(finding.severity === "hint" ? "info" : "warning"),
    h("div", { class: "check-finding" }, h("div", null, words), h("div", { class: "row tight" }, actions)));
}

function fixes(finding, found, panel) {
  const show = [t("captions.show_them"), () => panel.filter.showOnly({ images: finding.where })];
  const all = {
    "caption-missing": [[t("captions.show_them"), () => panel.filter.showOnly({ state: "missing" })],
      [t("captions.write_them"), () => captioner(panel)]],
    "caption-empty": [[t("captions.show_them"), () => panel.filter.showOnly({ state: "empty" })],
      [t("captions.write_them"), () => captioner(panel)]],
    "activation-missing": [show, [t("captions.add_first"), () => bulk(panel, { kind: "first", tag: found.activation, insert: true })]],
    "activation-not-first": [show, [t("captions.put_first"), () => bulk(panel, { kind: "first", tag: found.activation })]],
    "caption-lines": [show, [t("captions.join_lines"), () => bulk(panel, { kind: "fix", lines: true })],
      [t("captions.lines_are_captions"), () => drawLines(panel)]],
    "caption-separators": [show, [t("captions.put_commas"), () => bulk(panel, { kind: "fix", separators: true })]],
    "caption-long": [show],
    "caption-unreadable": [show],
  };
  return all[finding.id] || [];
}
