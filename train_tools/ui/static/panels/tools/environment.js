// The training environment: what there is, and making, trying, renewing it. The work goes on when the page is closed.

import * as api from "../../kit/api.js";
import { confirm } from "../../kit/dialog.js";
import { fill, h, icon } from "../../kit/dom.js";
import { bytes } from "../../kit/format.js";
import { finished } from "../../kit/task.js";
import { sentence, t } from "../../kit/texts.js";
import { attempt, toast } from "../../kit/toast.js";
import { download } from "../../bar/transfer.js";

const CHECKS = new Set(["python", "git", "vc-runtime", "long-paths", "utf8-mode", "disk-root", "disk-environment", "write-root", "write-environment",
  "ports", "gpus", "program-settings", "environment", "environment-python", "environment-versions", "environment-gpu", "versions", "gpu", "imports", "step",
  "driver", "xformers", "sd-scripts-xformers", "host", "sd-scripts", "arguments", "base-models", "settings"]);
const KIND = { ready: "good", making: "accent", broken: "bad", absent: "warn" };
const OUTCOME = { ok: ["check", "good"], warn: ["warning", "warn"], fail: ["warning", "bad"] };

export function environment(body) {
  const ending = new AbortController();
  const facts = h("div");
  const said = h("p", { class: "muted small mono said", role: "status" });
  const buttons = h("div", { class: "row" });
  const outcomes = h("div", { class: "outcomes" });
  body.append(facts, buttons, said, outcomes);
  const load = async () => {
    const found = await api.get("api/tools/environment");
    if (ending.signal.aborted) return;
    fill(facts, describe(found));
    fill(buttons, buttonsFor(found, act));
  };
  const act = (action, question) => attempt(async () => {
    if (question && !(await confirm(t(`tools.env_${action}`), question, t(`tools.env_${action}`)))) return;
    for (const button of buttons.children) button.disabled = true;
    fill(outcomes);
    try {
      const answer = await api.post(`api/tools/environment/${action}`);
      const result = await finished(answer, { signal: ending.signal, progress: ({ name }) => fill(said, name || t("tools.working")) });
      if (Array.isArray(result)) fill(outcomes, result.map(outcome));
      else if (result.file) download(result.file);
      else toast(t("tools.env_done"));
    } finally {
      fill(said);
      await load();
    }
  });
  attempt(load);
  return () => ending.abort();
}

function describe(found) {
  const versions = Object.entries(found.versions).map(([name, version]) => `${name} ${version}`);
  const sdScripts = found.sd_scripts_versions.map((version) => `${version.name}${version.current ? " ✓" : ""}`);
  return [
    h("p", { class: "row tight" }, h("span", { class: `chip ${KIND[found.state]}` }, t(`tools.env_state_${found.state}`)), h("span", { class: "mono small path" }, found.folder), found.size ? h("span", { class: "muted small" }, bytes(found.size)) : null),
    found.error ? h("p", { class: "problem" }, found.error) : null,
    found.progress.text ? h("p", { class: "muted small" }, found.progress.text) : null,
    versions.length ? h("p", { class: "muted small" }, versions.join(" · ")) : null,
    h("p", { class: "muted small" }, t("tools.sd_scripts", { versions: sdScripts.join(", ") || found.sd_scripts.join(", ") || t("tools.none") })),
    found.is_taken ? h("p", { class: "muted small" }, t("tools.env_taken")) : null,
  ];
}

function buttonsFor(found, act) {
  const check = [
    h("button", { onclick: () => act("doctor") }, icon("search"), t("tools.env_doctor")),
    h("button", { onclick: () => act("check") }, icon("check"), t("tools.env_check")),
    h("button", { class: "link", onclick: () => act("bundle") }, t("tools.env_bundle")),
  ];
  if (!found.can_change) return found.is_taken ? check : null;
  if (found.state === "absent" || found.state === "broken") {
    return [h("button", { class: "primary", onclick: () => act("create") }, t("tools.env_create")), check];
  }
  return [
    check,
    found.sd_scripts_versions.length ? null : h("button", { onclick: () => act("sd-scripts") }, t("tools.env_sd-scripts")),
    h("button", { onclick: () => act("upgrade", t("tools.env_upgrade_text")) }, icon("again"), t("tools.env_upgrade")),
    h("button", { onclick: () => act("rollback", t("tools.env_rollback_text")) }, icon("undo"), t("tools.env_rollback")),
  ];
}

function outcome({ id, state, text, fix }) {
  const [sign, kind] = OUTCOME[state];
  return h("div", { class: `note ${kind}` }, icon(sign), h("span", null, h("strong", null, nameOf(id)), t("tools.colon"), text, fix ? h("div", { class: "small" }, `→ ${sentence(fix)}`) : null));
}

/** What was looked at, in words; ids that hold a name keep it. */
function nameOf(id) {
  if (CHECKS.has(id)) return t(`tools.check_${id}`);
  const [, name] = /^base-model (.*)$/.exec(id) ?? [];
  if (name) return t("tools.check_named_base", { name });
  const [, port] = /^port-(\d+)$/.exec(id) ?? [];
  return port ? t("tools.check_port", { port }) : t(id.startsWith("environment") ? "tools.check_environment" : "tools.check_other");
}
