// What an error means: the end of a log is pasted, and what is known of it is told.

import * as api from "../../kit/api.js";
import { fill, h, icon } from "../../kit/dom.js";
import { t } from "../../kit/texts.js";
import { attempt } from "../../kit/toast.js";

export function explain(body) {
  const text = h("textarea", { class: "mono small", rows: 4, spellcheck: "false", "aria-label": t("tools.explain_paste"), placeholder: t("tools.explain_paste") });
  const found = h("div", { class: "outcomes", role: "status" });
  const ask = () => attempt(async () => {
    const remedies = await api.post("api/tools/explain", { text: text.value });
    fill(found, remedies.length ? remedies.map(remedy) : h("p", { class: "muted" }, t("tools.explain_nothing")));
  });
  body.append(text, h("div", { class: "row explain" }, h("button", { onclick: ask }, icon("search"), t("tools.explain_ask"))), found);
}

const remedy = ({ means, do: help, line, commands }) =>
  h("div", { class: "note warn" }, icon("warning"), h("div", null, h("strong", null, means), h("div", null, help),
    commands.map((command) => h("div", null, h("code", { class: "small" }, `python -m train_tools ${command}`))), h("code", { class: "small muted" }, line)));
