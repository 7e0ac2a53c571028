// What the names of uploaded folders say that becomes of their images: asked before it is done.

import * as api from "../../kit/api.js";
import { dialog } from "../../kit/dialog.js";
import { h } from "../../kit/dom.js";
import { finished } from "../../kit/task.js";
import { t } from "../../kit/texts.js";

/** `address` is that of a batch, `target` where its files go. Null where the names say nothing. */
export async function proposalFor(address, target) {
  const found = await finished(await api.post(`${address}/proposal`, target));
  return found?.decisions.length ? found : null;
}

/** Resolves to what the server is told: as they say, all as plain images, or null where it is put off. */
export async function askProposal(proposal, target) {
  const answer = await dialog({
    title: t("data.proposal"), wide: true,
    body: [h("p", null, t("data.proposal_text")), decisionTable(proposal)],
    buttons: [[t("data.proposal_later"), null], [t("data.proposal_as_is"), "as_is"], [t("data.proposal_take"), "take", "primary"]],
  });
  return answer && { ...target, as_is: answer === "as_is" };
}

/** Of a proposal or of what was done. */
export function decisionTable({ decisions, changes }) {
  const head = [t("data.folder"), t("data.becomes")];
  const rows = decisions.map((one) => h("tr", null, h("td", null, one.folder || t("data.single_files")), h("td", null, one.sentence)));
  const settings = changes.map((one) => h("li", null, one.sentence));
  return h("div", { class: "decisions" },
    h("div", { class: "scroll" }, h("table", { class: "small" }, h("thead", null, h("tr", null, head.map((text) => h("th", null, text)))), h("tbody", null, rows))),
    settings.length ? [h("p", { class: "small" }, h("b", null, t("data.proposal_settings"))), h("ul", { class: "small" }, settings)] : null);
}
