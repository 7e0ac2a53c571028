// What is odd about the plan, why, and the fix where it is a change of settings.

import { h, icon } from "../../kit/dom.js";
import { number } from "../../kit/format.js";
import { t } from "../../kit/texts.js";
import { apply } from "./apply.js";
import { sdScripts } from "./install.js";
import { chooseBase } from "./models.js";

// Findings that another base model mends.
const OF_THE_BASE = new Set(["shipped-model", "base-model", "base-parts"]);
const KIND = { error: "bad", warning: "warn", advice: "" };

export function findings(store, plan) {
  const reasons = plan.reasons.map(([reason, count]) =>
    h("div", { class: "note bad" }, icon("warning"), h("div", null, h("strong", null, t("plan.cant_train")), h("div", { class: "small" }, reason, about(count, plan)))));
  const install = plan.lacks_sd_scripts ? sdScripts(store) : null;
  const found = plan.findings.map((finding) => note(store, plan, finding));
  const more = plan.more_findings ? h("p", { class: "muted small" }, t("plan.more_findings", { n: number(plan.more_findings) })) : null;
  return [reasons, install, found, more];
}

function note(store, plan, finding) {
  const changes = Object.entries(finding.change);
  const title = finding.title ? t(`plan.finding_${finding.title}`) : finding.sentence;
  const fix = changes.length
    ? h("button", { class: "fix", title: changes.map(([name, text]) => `${name} = ${text || t("plan.default")}`).join("\n"), onclick: () => apply(store, finding.change, t("plan.fixed", { what: title })) }, t("plan.fix_it"))
    : null;
  const other = OF_THE_BASE.has(finding.id) ? h("button", { class: "fix", onclick: () => chooseBase(store) }, t("plan.choose_base")) : null;
  const detail = [finding.title ? finding.sentence : "", finding.fix].filter(Boolean).join("; ");
  return h("div", { class: `note finding ${KIND[finding.severity]}`, dataset: { id: finding.id } }, icon(finding.severity === "advice" ? "info" : "warning"),
    h("div", null, h("div", null, title, about(finding.runs, plan)), detail ? h("div", { class: "small detail" }, detail, source(finding)) : null, other), fix);
}

const about = (count, plan) => (count && count < plan.runs ? h("span", { class: "small" }, ` (${t("plan.of", { n: number(count), of: number(plan.runs) })})`) : null);

/** A paper or guide as a link, where its address is in the words. */
function source({ source }) {
  const address = /https:\/\/[^\s,)]+/.exec(source)?.[0];
  return address ? [" ", h("a", { href: address, target: "_blank", rel: "noreferrer" }, t("plan.source"))] : null;
}
