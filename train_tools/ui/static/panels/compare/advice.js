import * as api from "../../kit/api.js";
import { dialog } from "../../kit/dialog.js";
import { h } from "../../kit/dom.js";
import { language, t } from "../../kit/texts.js";
import { attempt, toast } from "../../kit/toast.js";

/** What the guide reads off the best picture of a grid of weights; its settings can be taken into the plan. */
export async function advise(shared, cell) {
  const run = shared.model.checkpoint(shared.model.owner(cell)).runName;
  const found = await attempt(() => api.get(`${shared.at}advice/${encodeURIComponent(shared.model.key(cell))}`, { run }));
  if (!found) return;
  const names = Object.entries(found.changes);
  const answer = await dialog({
    title: t("compare.advice"),
    body: [
      found.sentences.map((both) => h("p", null, both[language === "zh" ? 1 : 0])),
      names.length ? h("dl", { class: "compare-facts" }, names.map(([name, text]) => [h("dt", { class: "mono" }, name), h("dd", null, text)])) : null,
      names.length ? h("p", { class: "muted small" }, t("compare.advice_plan")) : null,
    ],
    buttons: names.length ? [[t("kit.cancel"), null], [t("compare.plan_it"), true, "primary"]] : [[t("kit.close"), null, "primary"]],
  });
  if (!answer) return;
  const done = await attempt(() => api.post(`${shared.at}plan`, { changes: found.changes }));
  if (!done) return;
  document.querySelector("dialog.compare-viewer")?.close();
  shared.context.go({ panel: "plan" });
  toast(t("compare.planned"), { action: [t("compare.undo"), () => attempt(async () => {
    await api.post(`${shared.at}plan`, { changes: done.before });
    dispatchEvent(new HashChangeEvent("hashchange"));
  })] });
}
