// Settings from elsewhere: another program's file, a finished LoRA, text from a guide. What can't be taken is told.

import * as api from "../../kit/api.js";
import { dialog, menu } from "../../kit/dialog.js";
import { h, icon } from "../../kit/dom.js";
import { readHead } from "../../kit/safetensors.js";
import { named } from "../../kit/names.js";
import { sentence, t } from "../../kit/texts.js";
import { attempt } from "../../kit/toast.js";
import { apply } from "./apply.js";

const ENDINGS = ".json,.toml,.yaml,.yml,.sh,.ps1,.bat,.cmd,.txt,.safetensors";

export function showImports(store, button) {
  menu(button, [
    [t("plan.paste"), () => paste(store)],
    [t("plan.import_file"), () => chooseFile(store)],
    null,
    [t("plan.reset_all"), () => resetAll(store)],
  ]);
}

function resetAll(store) {
  const names = [...new Set([...Object.keys(store.values), ...Object.keys(store.typed)])];
  apply(store, Object.fromEntries(names.map((name) => [name, ""])), t("plan.was_reset"));
}

/** "Append or override": arguments as they stand in guides, over what is set. */
async function paste(store) {
  const text = h("textarea", { class: "mono", rows: 7, spellcheck: "false", "aria-label": t("plan.paste"), placeholder: '--learning_rate=1e-4 --optimizer_type=Prodigy --optimizer_args "decouple=True" "weight_decay=0.01"' });
  let found = null;
  const yes = await dialog({
    title: t("plan.paste"),
    wide: true,
    body: [h("p", { class: "muted" }, t("plan.paste_text")), text],
    buttons: [[t("kit.cancel"), null], [t("plan.read_it"), true, "primary"]],
    check: async () => {
      if (!text.value.trim()) return t("kit.needed");
      try {
        await store.save();
        found = await api.post(`${store.base}plan/paste`, { text: text.value });
        return "";
      } catch (error) {
        return error.message;
      }
    },
  });
  if (yes && found) await report(store, t("plan.paste"), { ...found, changes: found.settings });
}

function chooseFile(store) {
  const input = h("input", { type: "file", accept: ENDINGS, hidden: true, "aria-label": t("plan.import_file"), onchange: () => {
    input.remove();
    if (input.files[0]) attempt(() => importFile(store, input.files[0]));
  } });
  document.body.append(input);
  input.addEventListener("cancel", () => input.remove());
  input.click();
}

async function importFile(store, file) {
  const found = file.name.toLowerCase().endsWith(".safetensors")
    ? await importLora(store, file)
    : await api.upload(`${store.base}plan/import${api.queryOf({ name: file.name })}`, file);
  await report(store, file.name, found);
}

export async function importLora(store, file) {
  const { metadata, tensors } = await readHead(file, t("plan.no_lora", { file: file.name }));
  return api.post(`${store.base}plan/import_lora`, { metadata, tensors: Object.keys(tensors) });
}

/** What would be set, what that changes, and what isn't taken over; then a person decides. */
export async function report(store, title, found) {
  const names = Object.keys(found.settings);
  const rows = names.map((name) => h("tr", null, h("td", null, named(name)), h("td", { class: "mono" }, found.settings[name]), h("td", { class: "mono muted" }, before(store, found, name)), h("td", { class: "muted small" }, origin(found, name))));
  const yes = await dialog({
    title,
    wide: true,
    body: [
      found.source ? h("p", { class: "muted" }, t(found.is_guess ? "plan.import_from_guess" : "plan.import_from", { source: found.source, family: found.family })) : null,
      (found.problems ?? []).map((problem) => h("p", { class: "note warn" }, icon("warning"), h("span", null, sentence(problem)))),
      rows.length ? h("div", { class: "scroll report" }, h("table", null, h("thead", null, h("tr", null, h("th", null, t("plan.argument")), h("th", null, t("plan.value")), h("th", null, t("plan.now")), h("th", null, t("plan.origin")))), h("tbody", null, rows))) : h("p", null, t("plan.nothing_in_it")),
      found.left_out.length ? [h("h3", null, t("plan.not_taken")), h("ul", { class: "left-out small" }, found.left_out.map((left) => h("li", null, h("code", null, left.value ? `${left.key} = ${left.value}` : left.key), ` – ${left.reason}`)))] : null,
    ],
    buttons: rows.length ? [[t("kit.cancel"), null], [t("plan.take_n", { n: names.length }), true, "primary"]] : [[t("kit.close"), null]],
  });
  if (yes) apply(store, found.changes, t("plan.taken", { n: names.length }));
}

const before = (store, found, name) => {
  const text = store.text(name);
  return text && text !== found.settings[name] ? text : "";
};

const origin = (found, name) => {
  if (found.assumed?.includes(name)) return t("plan.assumed", { program: found.program });
  const key = found.mapped?.[name];
  return key && key !== name ? key : "";
};
