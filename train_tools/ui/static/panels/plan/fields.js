// One field for each argument: text for what takes a list, a choice for switches, help for models and presets.

import { dialog } from "../../kit/dialog.js";
import { h, icon } from "../../kit/dom.js";
import { field } from "../../kit/field.js";
import { sentences, t } from "../../kit/texts.js";
import { BASE, chooseFor } from "./models.js";
import { offerParts } from "./parts.js";
import { openPresets } from "./presets.js";

// What an empty field means, where "none" would say too little.
const EMPTY = { [BASE]: () => t("plan.no_base"), preset: () => t("plan.no_preset") };

/** The kit's field, bound to the store; `refresh()` shows what the store says now. */
export function argumentField(store, entry) {
  const { label } = entry;
  const shown = { ...entry, help: helpOf(entry), allowed: "", choices: entry.is_axis ? [] : entry.choices, options: optionsOf(entry) };
  const made = field(shown, store.text(entry.name), (text) => store.set(entry.name, text.trim()));
  made.name = entry.name;
  made.node.dataset.name = entry.name;
  offerParts(entry.name, made.input);
  const chooser = chooserOf(store, entry, label);
  if (chooser) {
    const row = h("div", { class: "with-chooser" });
    made.input.replaceWith(row);
    row.append(made.input, h("button", { type: "button", class: "choose", "aria-label": t("plan.choose_for", { name: label }), title: t("plan.choose_for", { name: label }), onclick: chooser }, icon("down")));
  }
  made.refresh = () => {
    if (document.activeElement !== made.input || made.value.trim() !== store.text(entry.name)) made.value = store.text(entry.name); // a value is read half-width
    const standard = EMPTY[entry.name]?.() ?? store.known?.defaults?.[entry.name] ?? entry.default;
    if (made.input.tagName === "INPUT") made.input.placeholder = standard;
    else made.input.options[0].textContent = t("plan.default_is", { text: wordOf(entry, standard) });
    const problem = store.errors[entry.name] ?? (store.plan?.field === entry.name ? store.plan.problem : "");
    made.say(problem);
    made.node.classList.toggle("is-set", store.isSet(entry.name));
    made.node.classList.toggle("varies", Boolean(store.plan?.axes?.[entry.name]));
  };
  made.refresh();
  return made;
}

/** What it is, what it takes, what else is to know, and what sd-scripts calls it. */
const helpOf = (entry) => [
  sentences(entry.help, entry.allowed),
  entry.notes.map((note) => h("span", { class: "block" }, note)),
  h("code", { class: "block small muted" }, entry.name),
];

const wordOf = (entry, text) => (entry.kind === "bool" ? t(text === "true" ? "plan.on" : "plan.off") : text || "–");

/** Switches and, where there is one value only, choices; the first option is the default. */
function optionsOf(entry) {
  const first = ["", ""];
  if (entry.kind === "bool") {
    const both = entry.is_axis ? [["true,false", t("plan.both")]] : [];
    return [first, ["true", t("plan.on")], ["false", t("plan.off")], ...both];
  }
  return entry.choices.length && !entry.is_axis ? [first, ...entry.choices.map((choice) => [choice, choice])] : undefined;
}

function chooserOf(store, entry, label) {
  if (entry.role) return () => chooseFor(store, entry, label);
  if (entry.name === "preset") return () => openPresets(store);
  if (entry.choices.length && entry.is_axis && entry.kind !== "bool") return () => chooseValues(store, entry, label);
  return null;
}

/** Ticks for the choices; several make several runs. */
async function chooseValues(store, entry, label) {
  const now = new Set(store.text(entry.name).split(",").map((text) => text.trim().toLowerCase()).filter(Boolean));
  const choices = entry.may_be_none ? [...entry.choices, "none"] : entry.choices;
  const boxes = choices.map((choice) => [choice, h("input", { type: "checkbox", checked: now.has(choice.toLowerCase()) })]);
  const known = new Set(choices.map((choice) => choice.toLowerCase()));
  const others = store.text(entry.name).split(",").map((text) => text.trim()).filter((text) => text && !known.has(text.toLowerCase()));
  const yes = await dialog({
    title: label,
    body: [h("p", { class: "muted" }, t("plan.choose_several")), h("div", { class: "choices" }, boxes.map(([choice, box]) => h("label", { class: "row tick" }, box, h("span", null, choice))))],
    buttons: [[t("kit.cancel"), null], [t("plan.take"), true, "primary"]],
  });
  if (yes) store.setMany({ [entry.name]: [...boxes.filter(([, box]) => box.checked).map(([choice]) => choice), ...others].join(", ") });
}
