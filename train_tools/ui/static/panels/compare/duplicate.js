// Runs back into a plan: of this version, or of a new one with the same images.

import * as api from "../../kit/api.js";
import { dialog } from "../../kit/dialog.js";
import { h } from "../../kit/dom.js";
import { number } from "../../kit/format.js";
import { watched } from "../../kit/task.js";
import { t } from "../../kit/texts.js";
import { attempt, toast } from "../../kit/toast.js";

export async function planAnew(shared, runs) {
  const { project, version } = shared.context;
  const here = h("input", { type: "radio", name: "into", value: "here", checked: true });
  const there = h("input", { type: "radio", name: "into", value: "new" });
  const name = h("input", { type: "text", value: next(version), spellcheck: "false", autocomplete: "off", "aria-label": t("bar.version_name"), onfocus: () => (there.checked = true) });
  let made = null;
  const answer = await dialog({
    title: t("compare.duplicate"),
    body: [
      h("p", null, runs.length > 1 ? t("compare.duplicate_text_many", { n: number(runs.length) }) : t("compare.duplicate_text", { name: runs[0].label })),
      h("label", { class: "row tick" }, here, h("span", null, t("compare.duplicate_here", { version }))),
      h("label", { class: "row tick" }, there, h("span", null, t("compare.duplicate_new"))), name,
    ],
    buttons: [[t("kit.cancel"), null], [t("compare.duplicate_yes"), true, "primary"]],
    check: async () => {
      try {
        const into = there.checked ? await begun(project, version, name.value) : version;
        made = await api.post(`${shared.at}runs/duplicate`, { runs: runs.map((run) => run.name), into });
        return "";
      } catch (error) {
        return error.message;
      }
    },
  });
  if (!answer) return;
  // The bar doesn't know a new version yet.
  if (made.version !== version) await shared.context.bar.goTo({ project, version: made.version });
  shared.context.go({ project, version: made.version, panel: "plan" });
  const at = `${api.versionPath(project, made.version)}compare/plan`;
  toast(t("compare.planned"), { action: [t("compare.undo"), () => attempt(async () => {
    await api.post(at, { changes: made.before });
    dispatchEvent(new HashChangeEvent("hashchange"));
  })] });
}

/** A version with this one's images; its name. */
async function begun(project, version, name) {
  const answer = await api.post(`api/projects/${encodeURIComponent(project)}/versions`, { name, from: { project, version }, take: ["data"] });
  return (await watched(t("bar.new_version"), answer)).version;
}

/** v1 -> v2, cat -> cat-2 */
function next(version) {
  const [, stem, digits] = /^(.*?)(\d*)$/.exec(version);
  return digits ? `${stem}${Number(digits) + 1}` : `${stem}-2`;
}
