import { dialog } from "../../kit/dialog.js";
import { h } from "../../kit/dom.js";
import { t } from "../../kit/texts.js";

/** Which values of an axis are kept: a list of texts, empty for all; null when it was cancelled. */
export async function chooseValues(title, texts, chosen, label) {
  const boxes = texts.map((text) => h("input", { type: "checkbox", value: text, checked: !chosen.length || chosen.includes(text) }));
  const rows = texts.map((text, place) => h("label", { class: "row tight compare-choice" }, boxes[place], h("span", null, label(text) || "–")));
  const search = h("input", { type: "search", placeholder: t("compare.search"), "aria-label": t("compare.search"), oninput: () => {
    const words = search.value.toLowerCase();
    rows.forEach((row) => (row.hidden = !row.textContent.toLowerCase().includes(words)));
  } });
  const all = (on) => boxes.forEach((box, place) => rows[place].hidden || (box.checked = on));
  const answer = await dialog({
    title,
    body: [
      h("div", { class: "row tight" }, search, h("button", { type: "button", onclick: () => all(true) }, t("compare.all")), h("button", { type: "button", onclick: () => all(false) }, t("compare.none"))),
      h("div", { class: "compare-choices" }, rows),
    ],
    buttons: [[t("kit.cancel"), null], [t("compare.apply"), true, "primary"]],
    check: () => (boxes.some((box) => box.checked) ? "" : t("compare.choose_one")),
  });
  return answer ? boxes.filter((box) => box.checked).map((box) => box.value) : null;
}
