// Fields that name models or other files: what was chosen comes into the field.

import { t } from "../../kit/texts.js";
import { browse } from "../../models/browse.js";
import { choose } from "../../models/choose.js";

export const BASE = "pretrained_model_name_or_path";

/** For a field with a path; of one that is an axis, each file means a run. */
export async function chooseFor(store, entry, label) {
  if (entry.role === "path") {
    const path = await browse({ title: label, pick: "any" });
    if (path) store.setMany({ [entry.name]: quoted(path) });
    return;
  }
  const now = split(store.text(entry.name));
  const chosen = await choose({
    title: label, help: entry.name === BASE ? t("plan.models_text") : "", role: entry.role, base: store.base,
    chosen: now, several: entry.is_axis, text: now.find((one) => !/^([/\\~]|[A-Za-z]:)/.test(one)) ?? "",
  });
  if (chosen) store.setMany({ [entry.name]: chosen.map(quoted).join(", ") });
}

export const chooseBase = (store) => chooseFor(store, { name: BASE, role: "base", is_axis: true }, t("plan.label_pretrained_model_name_or_path"));

/** Paths between commas; quotes keep one together that holds a comma. */
const split = (text) => (text.match(/"(?:[^"]|"")*"|[^,]+/g) ?? []).map((piece) => piece.trim().replace(/^"(.*)"$/, "$1").replaceAll('""', '"')).filter(Boolean);

const quoted = (path) => (path.includes(",") ? `"${path.replaceAll('"', '""')}"` : path);
