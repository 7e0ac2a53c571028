// Repeats of each concept, where there are several.

import { fill, h } from "../../kit/dom.js";
import { number } from "../../kit/format.js";
import { t } from "../../kit/texts.js";
import { settle } from "../../kit/wait.js";

const AUTOMATIC = "-1";

/** Shown below the settings; nothing while there is one concept alone. */
export function concepts(store, settings) {
  const node = h("div", { class: "concepts" });
  let drawn = "";

  store.on("originals", draw);
  store.on("settings", draw);
  store.on("census", draw);

  function draw() {
    const counts = countOf(store.values.originals?.rows ?? [], settings.effective("concept"));
    const made = new Map((store.values.census?.census.concepts ?? []).map((one) => [one.concept, one]));
    const given = parse(settings.texts().concept_repeats ?? "");
    const key = JSON.stringify([[...counts], [...made], [...given], settings.effective("repeats")]);
    if (key === drawn || node.contains(document.activeElement)) return;
    drawn = key;
    if (counts.size < 2) return fill(node);
    fill(node, h("h3", null, t("data.repeats_of_concepts")), h("div", { class: "scroll" }, h("table", { class: "small" },
      h("thead", null, h("tr", null, [t("data.concept"), t("data.originals"), t("data.label_repeats"), t("data.shown")].map((text) => h("th", null, text)))),
      h("tbody", null, [...counts].map(([name, images]) => row(name, images, made.get(name), given))))));
  }

  function row(name, images, made, given) {
    const save = settle((text) => settings.set("concept_repeats", write(given, name, text)), 400);
    const input = h("input", { type: "text", inputmode: "numeric", value: given.get(name) ?? "", placeholder: settings.effective("repeats"), "aria-label": t("data.repeats_of", { name }), oninput: (event) => save(event.target.value.trim()) });
    const automatic = h("button", { onclick: () => {
      input.value = AUTOMATIC;
      save(AUTOMATIC);
    } }, t("data.automatic"));
    const shown = made ? `${number(made.images)} × ${number(made.repeats)} = ${number(made.images * made.repeats)}` : "–";
    return h("tr", null, h("td", null, name), h("td", null, number(images)), h("td", null, h("div", { class: "row tight" }, input, automatic)), h("td", null, shown));
  }

  return { node };
}

function countOf(rows, own) {
  const counts = new Map();
  for (const [name] of rows) {
    const concept = name.includes("/") ? name.split("/")[0] : own;
    counts.set(concept, (counts.get(concept) ?? 0) + 1);
  }
  return counts;
}

/** `a:3,b, c:-1` -> a: 3, "b, c": -1, as names may hold commas. */
const parse = (text) => new Map([...text.matchAll(/\s*(.+?):\s*(-?\d+)\s*(?:,|$)/g)].map(([, name, repeats]) => [name.trim(), repeats]));

function write(given, name, text) {
  if (text) given.set(name, text);
  else given.delete(name);
  return [...given].map(([concept, repeats]) => `${concept}:${repeats}`).join(",");
}
