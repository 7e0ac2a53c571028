// What stands above the fields: what another window has changed meanwhile, and what in the file means nothing.

import { fill, h, icon } from "../../kit/dom.js";
import { labelOf } from "../../kit/names.js";
import { t } from "../../kit/texts.js";

export function notes(store) {
  const node = h("div", { role: "status" });
  const draw = () => fill(node, conflicts(store), unknown(store));
  store.addEventListener("conflicts", draw);
  store.addEventListener("values", draw);
  draw();
  return node;
}

const conflicts = (store) =>
  Object.entries(store.conflicts).map(([name, theirs]) =>
    h("div", { class: "note warn conflict" }, icon("warning"),
      h("span", null, t("plan.conflict", { name: labelOf(name), theirs: theirs || t("plan.default"), mine: store.text(name) || t("plan.default") }), " ",
        h("button", { class: "link", onclick: () => store.decide(name, true) }, t("plan.take_theirs")), " ",
        h("button", { class: "link", onclick: () => store.decide(name, false) }, t("plan.keep_mine")))));

const unknown = (store) =>
  store.unknown.length ? h("div", { class: "note" }, icon("info"), h("span", null, t("plan.unknown", { names: store.unknown.join(", ") }))) : null;
