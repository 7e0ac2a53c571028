// Pictures that a run drew while it trained, as a strip over its epochs with the loss below each.

import * as api from "../../kit/api.js";
import { fill, h } from "../../kit/dom.js";
import { number, short } from "../../kit/format.js";
import { t } from "../../kit/texts.js";

const SIDE = 256; // of a small picture, in pixels

/** { node, update(samples, points, entry) }; hidden while there is none. New pictures come to the right, where it stays. */
export function strip() {
  const row = h("div", { class: "strip-row", tabindex: "0", role: "group", "aria-label": t("queue.samples") });
  const node = h("div", { class: "strip", hidden: true }, row);
  let shown = "";
  const update = (samples, points, entry) => {
    const wanted = samples.map((sample) => sample.file).join("\n");
    node.hidden = !samples.length;
    if (wanted === shown) return;
    const isAtEnd = !shown || row.scrollLeft + row.clientWidth >= row.scrollWidth - 30;
    shown = wanted;
    fill(row, columnsOf(samples).map((column) => drawn(column, points, entry)));
    if (isAtEnd) row.scrollLeft = row.scrollWidth;
  };
  return { node, update };
}

/** Those of one moment stand above each other. */
function columnsOf(samples) {
  const columns = new Map();
  for (const sample of samples) {
    const key = `${sample.epoch}-${sample.step}`;
    if (!columns.has(key)) columns.set(key, []);
    columns.get(key).push(sample);
  }
  return [...columns.values()];
}

function drawn(column, points, entry) {
  const [{ epoch, step }] = column;
  const when = epoch ? t("queue.epoch", { n: number(epoch) }) : t("queue.at_step", { n: number(step) });
  const loss = lossAt(points, step || (entry.epochs ? (entry.steps * epoch) / entry.epochs : 0));
  return h("figure", null, column.map((sample) => {
    const at = (kind) => api.versionPath(entry.project, entry.version, `trains/${entry.name}/${sample.file}`, kind);
    return h("a", { href: at("files"), target: "_blank", rel: "noreferrer", title: t("queue.sample_of", { when, n: number(sample.prompt + 1) }) },
      h("img", { src: `${at("thumbs")}?side=${SIDE}`, alt: t("queue.sample_of", { when, n: number(sample.prompt + 1) }), loading: "lazy", width: 80, height: 80 }));
  }), h("figcaption", { class: "small" }, when, loss === null ? null : h("div", { class: "muted" }, t("queue.loss", { n: short(loss) }))));
}

/** Of the point that is next to the step; null where none is known. */
function lossAt(points, step) {
  if (!step || !points.length) return null;
  return points.reduce((best, point) => (Math.abs(point[0] - step) < Math.abs(best[0] - step) ? point : best))[1];
}
