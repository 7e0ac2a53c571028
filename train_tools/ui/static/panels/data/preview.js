// What the settings make of one picture, beside them.

import { fill, h } from "../../kit/dom.js";
import { t } from "../../kit/texts.js";
import { settle } from "../../kit/wait.js";

/** `row()` is the picture that a person is at, `changes()` what isn't saved yet. */
export function preview(store, row, changes) {
  const picture = h("div", { class: "preview-pictures" });
  const note = h("p", { class: "muted small", role: "status" });
  const node = h("section", { class: "preview", "aria-label": t("data.preview") }, h("h3", null, t("data.preview")), picture, note);
  let turn = 0;
  let shown = "";

  const ask = async () => {
    const name = row()?.name;
    if (!name) return clear();
    const body = { name, changes: changes() };
    const mine = ++turn;
    try {
      const { value, stamp } = await store.later(() => (mine === turn ? store.post("preview", body) : { value: null }));
      // While another picture is being worked out the server gives that one; ask again then.
      if (mine !== turn) return;
      if (!value) return clear();
      if (value.name !== name) return later();
      if (stamp !== shown) draw(value);
      shown = stamp;
    } catch (error) {
      if (mine !== turn) return;
      shown = "";
      fill(picture);
      fill(note, error.message);
    }
  };
  const later = settle(ask, 300);

  function clear() {
    turn++;
    shown = "";
    fill(picture);
    fill(note, t("data.preview_none"));
  }

  function draw(value) {
    const whole = `${t("data.original")} ${value.width} × ${value.height}`;
    fill(picture, figure(value.overlay, whole),
      value.pictures.map((one) => figure(one.image, `${nameOf(one.operation)}${one.flipped ? t("data.and_flipped") : ""} ${one.width} × ${one.height}`)));
    fill(note, value.note || t("data.preview_of", { name: value.name, n: value.pictures.length }));
  }

  return { node, update: later, end: () => later.cancel() };
}

const figure = (address, words) => h("figure", null, h("img", { src: address, alt: words }), h("figcaption", { class: "small" }, words));

/** `split 2` is the second piece. */
function nameOf(operation) {
  const [kind, piece] = operation.split(" ");
  const text = t(`data.op_${kind.replace("-", "_")}`);
  return piece ? `${text} ${piece}` : text;
}
