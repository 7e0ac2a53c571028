// Models as rows of a list, by the places where they lie.

import { h } from "../kit/dom.js";
import { bytes } from "../kit/format.js";
import { t } from "../kit/texts.js";

const ALONE = "Train Tools"; // as the server calls itself where there is no webui
const PLACES = ["loaded", "webui", "comfyui", "added", "cache", "shipped"];

const placeOf = (model) => (model.is_shipped ? "shipped" : model.is_chosen ? "loaded" : model.kind);

/** What has all words of a search, under the name of its place. */
export function groups({ models, host }, words, inputOf) {
  const wanted = words.toLowerCase().split(/\s+/).filter(Boolean);
  const hay = (model) => `${model.title} ${model.family_title}`.toLowerCase();
  const found = models.filter((model) => wanted.every((word) => hay(model).includes(word)));
  const parts = PLACES.map((place) => [place, found.filter((model) => placeOf(model) === place)]).filter(([, list]) => list.length);
  const nothing = found.some((model) => !model.is_shipped) ? null : h("p", { class: "muted" }, wanted.length ? t("models.none_match") : t("models.none_found"));
  const named = (place) => (place === "webui" && host === ALONE ? t("models.place_own") : t(`models.place_${place}`, { host }));
  return [nothing, parts.map(([place, list]) => [h("h3", null, named(place)), list.map((model) => row(model, inputOf(model)))])];
}

export const pathRow = (model, input) => [h("h3", null, t("models.place_path")), row(model, input)];

function row(model, input) {
  const name = model.is_shipped ? t("models.toy") : model.title;
  if (model.problem && !input.checked) input.disabled = true;
  return h("label", { class: `row tick model ${model.problem ? "off" : ""}`, title: model.file }, input,
    h("span", { class: "name" }, name,
      model.is_shipped ? h("span", { class: "small muted block" }, t("models.toy_text")) : null,
      model.problem ? h("span", { class: "small block problem" }, t("models.cant", { what: model.problem })) : null),
    model.family_title && !model.is_shipped ? h("span", { class: "chip" }, model.family_title) : null,
    h("span", { class: "muted small size" }, model.bytes && !model.is_shipped ? bytes(model.bytes) : ""));
}
