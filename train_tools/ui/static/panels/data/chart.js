// Buckets as bars: how many pictures of which shape an epoch shows.

import { h } from "../../kit/dom.js";
import { number } from "../../kit/format.js";
import { t } from "../../kit/texts.js";

const MOST_BARS = 24;

export function bucketChart(chart) {
  const most = Math.max(1, ...chart.buckets.map((bucket) => bucket.shown));
  const rows = chart.buckets.slice(0, MOST_BARS).map((bucket) => {
    const [width, height] = bucket.size;
    const words = t("data.bucket", { images: number(bucket.images), shown: number(bucket.shown) });
    return h("div", { class: "bucket", role: "listitem" },
      h("span", { class: "bucket-shape", "aria-hidden": "true" }, shape(width, height)),
      h("span", { class: "bucket-size mono" }, `${width}×${height}`),
      h("span", { class: "bucket-bar", "aria-hidden": "true" }, h("span", { style: { width: `${(100 * bucket.shown) / most}%` } })),
      h("span", { class: "small muted" }, words));
  });
  const more = chart.buckets.length - MOST_BARS;
  return h("section", null, h("h3", null, t("data.buckets", { size: chart.resolution.join(" × ") })),
    h("div", { class: "buckets", role: "list" }, rows), more > 0 ? h("p", { class: "muted small" }, t("data.more_buckets", { n: number(more) })) : null);
}

function shape(width, height) {
  const side = 16 / Math.max(width, height);
  return h("span", { style: { width: `${width * side}px`, height: `${height * side}px` } });
}
