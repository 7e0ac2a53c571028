// Presets: what they are for and what each would change; one's own saved from what is set.

import * as api from "../../kit/api.js";
import { confirm } from "../../kit/dialog.js";
import { fill, h, icon } from "../../kit/dom.js";
import { open } from "../../kit/layers.js";
import { labelOf, valueOf } from "../../kit/names.js";
import { t } from "../../kit/texts.js";
import { attempt, toast } from "../../kit/toast.js";
import { form, textField } from "../../bar/form.js";
import { apply } from "./apply.js";

export async function openPresets(store) {
  const list = h("div", { class: "presets" });
  const state = { presets: [], chosen: chosenIn(store) };
  const node = h("dialog", { class: "wide", "aria-label": t("plan.presets") });
  const draw = () => fill(list, groups(store, state, draw, load));
  const load = () => attempt(async () => {
    state.presets = await api.get(`api/presets?base=${encodeURIComponent(baseOf(store))}`);
    draw();
  });
  const take = () => {
    node.close();
    apply(store, { preset: state.chosen.join("+") }, state.chosen.length ? t("plan.preset_taken", { names: state.chosen.join(" + ") }) : t("plan.preset_none"));
  };
  node.append(h("h2", null, t("plan.presets")), h("p", { class: "muted" }, t("plan.presets_text")), list,
    h("div", { class: "buttons" },
      h("button", { onclick: () => savePreset(store, load) }, icon("plus"), t("plan.save_preset")), h("span", { class: "space" }),
      h("button", { onclick: () => node.close() }, t("kit.cancel")), h("button", { class: "primary", onclick: take }, t("plan.take"))));
  open(node);
  await load();
}

/** One combination; where several are compared the field itself says it. */
const chosenIn = (store) => (store.text("preset").includes(",") ? [] : store.text("preset").split("+").map((name) => name.trim()).filter(Boolean));

/** The first of the base models that are chosen: it decides which presets fit. */
const baseOf = (store) => store.text("pretrained_model_name_or_path").split(",")[0].trim().replace(/^"|"$/g, "");

const group = (preset) => (preset.fit === "suggested" ? "suggested" : preset.is_own ? "own" : preset.families ? "family" : /^(category|blocks|lycoris|vram)/.exec(preset.name)?.[1] ?? "kind");

function groups(store, state, draw, load) {
  const names = ["suggested", "own", "kind", "family", "vram", "category", "blocks", "lycoris"];
  return names.map((name) => {
    const members = state.presets.filter((preset) => group(preset) === name);
    return members.length ? [h("h3", null, t(`plan.presets_${name}`)), members.map((preset) => row(store, state, preset, draw, load))] : null;
  });
}

function row(store, state, preset, draw, load) {
  const at = state.chosen.indexOf(preset.name);
  const box = h("input", { type: "checkbox", checked: at >= 0, onchange: () => {
    if (at >= 0) state.chosen.splice(at, 1);
    else state.chosen.push(preset.name);
    draw();
  } });
  return h("div", { class: "preset" },
    h("label", { class: "row tick" }, box, h("span", null, h("strong", null, preset.name), " ", h("span", { class: "muted small" }, preset.help), preset.fit === "other family" ? [" ", h("span", { class: "chip" }, t("plan.preset_for", { names: preset.families }))] : null)),
    h("div", { class: "differs small" }, differences(store, preset)),
    preset.is_own ? h("button", { class: "quiet", "aria-label": t("plan.delete_preset", { name: preset.name }), onclick: () => remove(preset, state, load) }, icon("trash")) : null);
}

/** What it would set; struck through where the person's own value wins. */
function differences(store, preset) {
  const shown = (values) => Object.entries(values).map(([name, value]) => {
    const own = store.text(name);
    const wins = own && own !== value;
    return h("span", { class: `value ${wins ? "overruled" : ""}`, title: wins ? t("plan.yours_wins", { value: own }) : name }, `${labelOf(name)} ${valueOf(value)}`);
  });
  const others = Object.entries(preset.others).map(([title, values]) => [h("span", { class: "muted" }, `${title}:`), shown(values)]);
  return [shown(preset.training), others, preset.source ? h("span", { class: "muted" }, preset.source) : null];
}

async function savePreset(store, load) {
  await store.save();
  const name = textField(t("plan.preset_name"));
  const help = textField(t("plan.preset_help"));
  const saved = await form({
    title: t("plan.save_preset"), text: t("plan.save_preset_text"), fields: [name, help], yes: t("plan.save"),
    send: () => api.post(`${store.base}presets`, { name: name.input.value, help: help.input.value }),
  });
  if (!saved) return;
  toast(t("plan.preset_saved", { name: saved.name }));
  await load();
}

async function remove(preset, state, load) {
  if (!(await confirm(t("plan.delete_preset", { name: preset.name }), t("plan.delete_preset_text"), t("plan.to_trash"), { danger: true }))) return;
  await attempt(() => api.post("api/presets/delete", { name: preset.name }));
  state.chosen = state.chosen.filter((name) => name !== preset.name);
  await load();
}
