// Base models: those of the webui or of the models folder, the small one that ships, or any path.

import * as api from "../../kit/api.js";
import { dialog } from "../../kit/dialog.js";
import { fill, h } from "../../kit/dom.js";
import { bytes } from "../../kit/format.js";
import { finished } from "../../kit/task.js";
import { t } from "../../kit/texts.js";

export async function chooseModels(store, entry) {
  const list = h("div", { class: "choices models" }, h("p", { class: "muted" }, t("plan.looking")));
  const search = h("input", { type: "search", placeholder: t("plan.search_models"), "aria-label": t("plan.search_models") });
  const path = h("input", { type: "text", spellcheck: "false", autocomplete: "off", placeholder: "…/model.safetensors" });
  const chosen = new Set(split(store.text(entry.name)));
  const known = { models: [] };
  const draw = () => fill(list, rows(known, search.value, chosen));
  search.addEventListener("input", draw);
  api.get("api/models").then((answer) => finished(answer)).then((found) => {
    Object.assign(known, found);
    const files = new Set(found.models.map((model) => model.file));
    if (!chosen.size) chosen.add(found.models.find((model) => model.is_shipped).file); // what an empty field means
    path.value = [...chosen].filter((file) => !files.has(file)).map(quoted).join(", ");
    draw();
  }).catch((error) => fill(list, h("p", { class: "problem" }, error.message)));
  const yes = await dialog({
    title: t("plan.label_pretrained_model_name_or_path"),
    wide: true,
    body: [h("p", { class: "muted" }, t("plan.models_text")), search, list,
      h("label", { class: "field" }, h("span", { class: "label" }, t("plan.by_path")), path)],
    buttons: [[t("kit.cancel"), null], [t("plan.take"), true, "primary"]],
  });
  if (!yes) return;
  const files = new Set(known.models.map((model) => model.file));
  const picked = [...known.models.filter((model) => chosen.has(model.file)).map((model) => model.file), ...split(path.value)];
  const only = picked.length === 1 && known.models.find((model) => model.file === picked[0])?.is_shipped;
  store.setMany({ [entry.name]: only && files.size ? "" : [...new Set(picked)].map(quoted).join(", ") });
}

function rows({ models, folder, problem, host }, words, chosen) {
  const wanted = words.toLowerCase();
  const found = models.filter((model) => model.title.toLowerCase().includes(wanted));
  return [
    problem ? h("p", { class: "problem" }, problem) : null,
    found.map((model) => {
      const box = h("input", { type: "checkbox", checked: chosen.has(model.file), onchange: () => (box.checked ? chosen.add(model.file) : chosen.delete(model.file)) });
      return h("label", { class: "row tick model", title: model.is_shipped ? "" : model.file }, box, h("span", { class: "name" }, model.is_shipped ? t("plan.shipped_model") : model.title),
        model.family ? h("span", { class: "chip" }, model.family) : null, h("span", { class: "muted small" }, model.bytes ? bytes(model.bytes) : ""));
    }),
    h("p", { class: "muted small" }, t("plan.models_folder", { host, folder: folder || "–" })),
  ];
}

/** Paths between commas; quotes keep one together that holds a comma. */
const split = (text) => (text.match(/"(?:[^"]|"")*"|[^,]+/g) ?? []).map((piece) => piece.trim().replace(/^"(.*)"$/, "$1").replaceAll('""', '"')).filter(Boolean);

const quoted = (path) => (path.includes(",") ? `"${path.replaceAll('"', '""')}"` : path);
