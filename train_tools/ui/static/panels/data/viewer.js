// One picture whole, with what is known of it; arrows go on to the next.

import { fill, h, icon } from "../../kit/dom.js";
import { open } from "../../kit/layers.js";
import { t } from "../../kit/texts.js";
import { fileOf, thumbOf } from "./grid.js";

const NOT_SHOWN = /\.(tiff?|hei[cf]|hif)$/i; // no browser but one shows these

/** `rows` are those of a PictureGrid; `details(row)` resolves to nodes. Resolves when it is closed, to the last index. */
export function view(context, rows, first, details) {
  return new Promise((resolve) => {
    let at = first;
    let turn = 0;
    const title = h("h2");
    const picture = h("div", { class: "viewer-picture" });
    const side = h("div", { class: "viewer-side" });
    const show = async (index) => {
      at = (index + rows.length) % rows.length;
      const row = rows[at];
      const mine = ++turn;
      fill(title, row.name, " ", h("span", { class: "muted small" }, `${at + 1} / ${rows.length}`));
      const address = NOT_SHOWN.test(row.file) ? thumbOf(context, row.file, row.token, 384) : fileOf(context, row.file);
      fill(picture, h("img", { src: address, alt: row.name }));
      fill(side);
      const nodes = await details(row).catch((error) => h("p", { class: "problem" }, error.message));
      if (mine === turn) fill(side, nodes);
    };
    const step = (name, label, by) => h("button", { class: "quiet", "aria-label": label, onclick: () => show(at + by), disabled: rows.length < 2 }, icon(name));
    const node = h("dialog", { class: "wide data picture-viewer", "aria-label": t("data.picture"), onclose: () => resolve(at), onkeydown: (event) => {
      const by = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
      if (by) show(at + by);
    } },
      h("div", { class: "row" }, title, h("span", { class: "space" }), step("left", t("data.previous"), -1), step("right", t("data.next"), 1),
        h("button", { class: "quiet", "aria-label": t("kit.close"), onclick: () => node.close() }, icon("close"))),
      h("div", { class: "viewer-body" }, picture, side));
    open(node);
    show(first);
  });
}

/** [[label, value]] as a list of terms; empty values are left out. */
export const terms = (pairs) =>
  h("dl", null, pairs.filter(([, value]) => value).map(([label, value]) => [h("dt", null, label), h("dd", null, value)]));
