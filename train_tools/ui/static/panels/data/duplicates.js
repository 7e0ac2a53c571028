// Pictures that look alike, side by side: which are kept, and which go.

import { dialog } from "../../kit/dialog.js";
import { h } from "../../kit/dom.js";
import { bytes, number } from "../../kit/format.js";
import { t } from "../../kit/texts.js";
import { thumbOf } from "./grid.js";

const SIDE = 384;

/** Resolves to the names that shall be deleted. `groups` are lists of rows { name, file, token, size, width, height, hasCaption }. */
export async function chooseAmong(context, groups) {
  const going = new Set(groups.flatMap((group) => [...group].sort(better).slice(1).map((row) => row.name)));
  const words = h("p", { class: "muted", role: "status" });
  const say = () => (words.textContent = t("picture.alike_going", { n: number(going.size) }));
  const figure = (row) => {
    const box = h("input", { type: "checkbox", checked: !going.has(row.name), onchange: () => {
      if (box.checked) going.delete(row.name);
      else going.add(row.name);
      node.classList.toggle("going", !box.checked);
      say();
    } });
    const node = h("label", { class: `alike ${going.has(row.name) ? "going" : ""}` },
      h("img", { src: thumbOf(context, row.file, row.token, SIDE), alt: "" }),
      h("span", { class: "row tight" }, box, h("strong", null, row.name)),
      h("span", { class: "small muted" }, [row.width ? `${row.width} × ${row.height}` : "", bytes(row.size), row.hasCaption ? t("data.mark_caption") : ""].filter(Boolean).join(" · ")));
    return node;
  };
  say();
  const answer = await dialog({
    title: t("picture.alike", { n: number(groups.length) }), wide: true,
    body: [h("p", null, t("picture.alike_text")), groups.map((group) => h("div", { class: "alike-group" }, group.map(figure))), words],
    buttons: [[t("kit.cancel"), null], [t("picture.alike_delete"), true, "danger"]],
  });
  return answer ? [...going] : [];
}

/** More pixels first, then a caption, then more bytes. */
const better = (one, other) => other.width * other.height - one.width * one.height || other.hasCaption - one.hasCaption || other.size - one.size;
