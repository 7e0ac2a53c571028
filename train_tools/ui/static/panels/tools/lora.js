// A LoRA's insides: its metadata is read in the browser, so that the file needn't be uploaded.

import * as api from "../../kit/api.js";
import { fill, h, icon } from "../../kit/dom.js";
import { bytes, duration, number, when } from "../../kit/format.js";
import { readHead } from "../../kit/safetensors.js";
import { t } from "../../kit/texts.js";
import { attempt } from "../../kit/toast.js";

const FACTS = ["title", "base_model", "family", "network", "rank", "alpha", "epochs", "steps", "images", "batch", "resolution", "learning_rate", "optimizer", "scheduler", "trigger"];

export function lora(body) {
  const found = h("div", { class: "lora-facts" });
  const input = h("input", { type: "file", accept: ".safetensors", id: "lora-file", class: "hidden-file", onchange: () => show(input.files[0], found) });
  const drop = h("label", { class: "drop", for: "lora-file", ondragover: (event) => event.preventDefault(), ondrop: (event) => {
    event.preventDefault();
    show(event.dataTransfer.files[0], found);
  } }, icon("upload"), t("tools.lora_drop"));
  body.append(h("p", { class: "muted small" }, t("tools.lora_text")), input, drop, found);
}

const show = (file, node) => file && attempt(async () => {
  fill(node);
  const { metadata, tensors } = await readHead(file, t("plan.no_lora", { file: file.name }));
  const facts = await api.post("api/tools/lora", { metadata });
  fill(node, h("h3", null, file.name, " ", h("span", { class: "muted small" }, bytes(file.size))), table(facts, tensors), tags(facts), raw(metadata));
});

function table(facts, tensors) {
  const rows = FACTS.filter((name) => facts[name]).map((name) => [t(`tools.lora_${name}`), facts[name]]);
  if (facts.finished) rows.push([t("tools.lora_finished"), when(facts.finished)]);
  if (facts.seconds) rows.push([t("tools.lora_seconds"), duration(facts.seconds)]);
  const ranks = ranksOf(tensors);
  if (ranks) rows.push([t("tools.lora_layers"), ranks]);
  rows.push([t("tools.lora_tensors"), number(Object.keys(tensors).length)]);
  return h("dl", { class: "facts" }, rows.map(([name, value]) => [h("dt", null, name), h("dd", null, value)]));
}

/** How many layers of which rank, as the tensors' shapes say. */
function ranksOf(tensors) {
  const counts = new Map();
  for (const [name, { shape }] of Object.entries(tensors)) {
    if (/lora_down\.weight$|lora_A\.weight$/.test(name)) counts.set(shape[0], (counts.get(shape[0]) ?? 0) + 1);
  }
  return [...counts].map(([rank, count]) => t("tools.lora_of_rank", { n: number(count), rank })).join(", ");
}

const tags = (facts) =>
  facts.tags.length ? [h("h3", null, t("tools.lora_tags")), h("div", { class: "row tight" }, facts.tags.map(([tag, count]) => h("span", { class: "chip" }, `${tag} ${number(count)}`)))] : null;

const raw = (metadata) =>
  h("details", null, h("summary", null, t("tools.lora_all")), h("pre", { class: "raw" }, JSON.stringify(metadata, null, 1)));
