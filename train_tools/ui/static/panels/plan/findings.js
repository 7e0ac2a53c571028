// What is odd about the plan, why, and the fix where it is a change of settings.

import { dialog } from "../../kit/dialog.js";
import { h, icon } from "../../kit/dom.js";
import { number } from "../../kit/format.js";
import { labelOf } from "../../kit/names.js";
import { sentence, sentences, t } from "../../kit/texts.js";
import { attempt } from "../../kit/toast.js";
import { apply } from "./apply.js";
import { sdScripts } from "./install.js";
import { chooseBase } from "./models.js";

// Findings that another base model mends.
const OF_THE_BASE = new Set(["shipped-model", "base-model", "base-parts"]);
const KIND = { error: "bad", warning: "warn", advice: "" };

export function findings(store, plan) {
  const reasons = plan.reasons.map(([reason, count]) =>
    h("div", { class: "note bad" }, icon("warning"), h("div", null, h("strong", null, t("plan.cant_train")), h("div", { class: "small" }, sentence(reason), about(count, plan)))));
  const install = plan.lacks_sd_scripts ? sdScripts(store) : null;
  const found = plan.findings.map((finding) => note(store, plan, finding));
  const more = plan.more_findings ? h("p", { class: "muted small" }, t("plan.more_findings", { n: number(plan.more_findings) })) : null;
  return [reasons, install, found, more];
}

function note(store, plan, finding) {
  const title = finding.title ? t(`plan.finding_${finding.title}`) : sentence(finding.sentence);
  const does = inWords(store, finding.change);
  const fix = does.length
    ? h("button", { class: "fix", onclick: (event) => mend(event.currentTarget, { store, plan, finding, title, does }) }, t("plan.fix_it"))
    : null;
  const other = OF_THE_BASE.has(finding.id) ? h("button", { class: "fix", onclick: () => chooseBase(store) }, t("plan.choose_base")) : null;
  const detail = sentences(finding.title ? finding.sentence : "", finding.fix);
  return h("div", { class: `note finding ${KIND[finding.severity]}`, dataset: { id: finding.id } }, icon(finding.severity === "advice" ? "info" : "warning"),
    h("div", null, h("div", null, title, about(finding.runs, plan)), detail ? h("div", { class: "small detail" }, detail, source(finding)) : null,
      does.map((line) => h("div", { class: "small fix-does" }, icon("right"), " ", line)), other), fix);
}

/** What the fix sets, field by field: what stands there now, and what will. */
function inWords(store, change) {
  return Object.entries(change).filter(([name, text]) => text !== store.text(name)).map(([name, text]) => {
    const of = (value) => inLabels(value) || t("plan.default");
    return t("plan.fix_sets", { name: labelOf(name), from: of(store.text(name)), to: of(text) });
  });
}

/** `optimizer_type=Lion -> learning_rate=1e-4` is `Optimizer=Lion → Learning rate=1e-4`. */
const inLabels = (text) => text.replaceAll(/\b[a-z][a-z0-9_]+(?=\s*[=<>!])/g, labelOf).replaceAll(" -> ", " → ");

/** Asked first where runs would be gone: two that differ in what is mended may become one. */
async function mend(button, { store, plan, finding, title, does }) {
  button.disabled = true;
  const after = await attempt(() => store.planned({ changes: { ...store.typed, ...finding.change }, page: `fix-${Math.random()}` }));
  button.disabled = false;
  if (!after) return;
  const isFewer = !after.problem && after.runs < plan.runs;
  const runs = { from: number(plan.runs), to: number(after.runs ?? 0) };
  if (isFewer || after.problem) {
    const sure = await dialog({
      title: t("plan.fix_it"),
      body: [h("ul", null, does.map((line) => h("li", null, line))), h("p", { class: "note warn" }, icon("warning"), h("span", null, after.problem ? sentence(after.problem) : t("plan.fix_fewer", runs)))],
      buttons: [[t("kit.cancel"), null], [t("plan.fix_it"), true, "primary"]],
    });
    if (!sure) return;
  }
  const said = after.runs === plan.runs ? "" : ` ${t("plan.fix_runs", runs)}`;
  apply(store, finding.change, t("plan.fixed", { what: title }) + said);
}

const about = (count, plan) => (count && count < plan.runs ? h("span", { class: "small" }, ` (${t("plan.of", { n: number(count), of: number(plan.runs) })})`) : null);

/** A paper or guide as a link, where its address is in the words. */
function source({ source }) {
  const address = /https:\/\/[^\s,)]+/.exec(source)?.[0];
  return address ? [" ", h("a", { href: address, target: "_blank", rel: "noreferrer" }, t("plan.source"))] : null;
}
