// Changes settings of an entry that waits.

import * as api from "../../kit/api.js";
import { dialog } from "../../kit/dialog.js";
import { fill, h } from "../../kit/dom.js";
import { field } from "../../kit/field.js";
import { t } from "../../kit/texts.js";
import { attempt, toast } from "../../kit/toast.js";

// What people change most; the rest is found by its name.
const USUAL = ["learning_rate", "unet_lr", "text_encoder_lr", "network_dim", "network_alpha", "optimizer_type", "lr_scheduler",
  "max_train_epochs", "max_train_steps", "train_batch_size", "seed", "resolution"];

export async function edit(entry, panel) {
  const known = await attempt(() => api.get(`api/queue/${entry.id}/fields`));
  if (!known) return;
  const changes = {};
  const fields = new Map(known.map((one) => [one.name, field(one, one.value, (text) => note(changes, one, text))]));
  const box = h("div", { class: "fields" });
  const search = h("input", { type: "search", placeholder: t("queue.find_setting"), "aria-label": t("queue.find_setting") });
  const draw = () => fill(box, shown(known, search.value, entry.kind).map((name) => fields.get(name).node));
  search.addEventListener("input", draw);
  search.addEventListener("keydown", (event) => event.key === "Enter" && event.preventDefault());
  draw();
  const saved = await dialog({
    title: t("queue.edit_title", { id: entry.id }),
    body: [h("p", { class: "muted" }, t("queue.edit_text")), search, box],
    buttons: [[t("kit.cancel"), null], [t("queue.save"), true, "primary"]],
    check: () => send(entry, changes),
    wide: true,
  });
  if (saved) toast(t("queue.saved"));
  await panel.refresh();
}

function note(changes, one, text) {
  if (text === one.value) delete changes[one.name];
  else changes[one.name] = text;
}

function shown(known, text, kind) {
  const wanted = text.trim().toLowerCase();
  const names = known.map((one) => one.name);
  if (wanted) return known.filter((one) => `${one.name} ${one.label}`.toLowerCase().includes(wanted)).map((one) => one.name);
  return kind === "train" ? USUAL.filter((name) => names.includes(name)) : names;
}

async function send(entry, changes) {
  if (!Object.keys(changes).length) return t("queue.no_change");
  try {
    await api.post("api/queue/act", { action: "edit", ids: [entry.id], changes });
    return "";
  } catch (error) {
    return error.message;
  }
}
