// The concepts as folders above the pictures: with their counts, to look into, and to drop chosen pictures on.

import { fill, h, icon } from "../../kit/dom.js";
import { number } from "../../kit/format.js";
import { t } from "../../kit/texts.js";

export const DRAGGED = "application/x-train-tools-pictures";
const ALL = null;

/** `onopen(concept)` with null for all, "" for the version's own; `ondrop(concept)` of what is being dragged. */
export function folders({ onopen, ondrop }) {
  const node = h("div", { class: "concept-folders", role: "group", "aria-label": t("picture.folders") });
  let drawn = "";

  /** `counts`: concept ("" is the version's own) -> pictures. */
  function show(counts, own, open) {
    node.hidden = counts.size < 2;
    const key = JSON.stringify([[...counts], own, open]);
    if (key === drawn) return;
    drawn = key;
    const had = node.contains(document.activeElement);
    const total = [...counts.values()].reduce((sum, count) => sum + count, 0);
    fill(node, one(ALL, t("data.all_concepts"), total, open), [...counts].map(([concept, count]) => one(concept, concept || own, count, open)));
    if (had) node.querySelector('[aria-pressed="true"]')?.focus();
  }

  function one(concept, words, count, open) {
    const target = concept === ALL ? {} : {
      ondragover: (event) => event.dataTransfer.types.includes(DRAGGED) && (event.preventDefault(), button.classList.add("over")),
      ondragleave: () => button.classList.remove("over"),
      ondrop: (event) => {
        button.classList.remove("over");
        if (!event.dataTransfer.types.includes(DRAGGED)) return;
        event.preventDefault();
        ondrop(concept);
      },
    };
    const button = h("button", { "aria-pressed": String(concept === open), title: concept === ALL ? undefined : t("picture.folder_help", { word: words }),
      onclick: () => onopen(concept), ...target }, icon("folder"), words, h("span", { class: "muted" }, number(count)));
    return button;
  }

  return { node, show };
}
