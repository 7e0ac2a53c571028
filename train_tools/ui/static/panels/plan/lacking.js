// What a plan lacks to be one, and the way there: a base model, images, or that they are processed.

import { h, icon } from "../../kit/dom.js";
import { t } from "../../kit/texts.js";
import { apply } from "./apply.js";
import { BASE, chooseBase } from "./models.js";

/** A note with its button; null where something else is wrong. */
export function lacking(store, plan, go) {
  const toData = (key, button) => note(t(key), h("button", { class: "primary", onclick: () => go({ panel: "data" }) }, t(button)));
  if (plan.lacks === "images") return toData("plan.no_images", "plan.to_data");
  if (plan.lacks === "processing") return toData("plan.not_processed", "plan.to_process");
  return plan.lacks === "base" ? base(store, plan) : null;
}

function base(store, plan) {
  const choose = h("button", { class: plan.loaded ? "" : "primary", onclick: () => chooseBase(store) }, icon("search"), t("plan.choose_base"));
  const name = plan.loaded?.replace(/^"|"$/g, "").split(/[\\/]/).pop();
  const take = plan.loaded ? h("button", { class: "primary", onclick: () => apply(store, { [BASE]: plan.loaded }, t("plan.loaded_taken", { name })) }, icon("check"), t("plan.take_loaded", { name })) : null;
  return note(store.isSet(BASE) ? t("plan.base_gone", { name: store.text(BASE) }) : t("plan.base_first"), [take, choose]);
}

const note = (sentence, buttons) => h("div", { class: "note warn lacking", role: "alert" }, icon("info"), h("div", null, h("p", null, sentence), h("div", { class: "row" }, buttons)));
