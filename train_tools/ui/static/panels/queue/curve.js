// Losses as lines, small enough to stand in a card.

import { h } from "../../kit/dom.js";
import { short } from "../../kit/format.js";
import { t } from "../../kit/texts.js";

const WIDTH = 320;
const HEIGHT = 90;
const SERIES = 8; // colours there are

/** The same in every list and drawing. */
export const colourOf = (entry) => `var(--series-${(entry.id % SERIES) + 1})`;

/** `lines` are [name, points, colour]; a point is [step, loss]. Gives a figure that says its range in words. */
export function curve(lines) {
  const all = lines.flatMap(([, points]) => points);
  if (all.length < 2) return h("p", { class: "small muted curve-none" }, t("queue.no_curve"));
  const [left, right] = range(all.map((point) => point[0]));
  const [low, high] = range(all.map((point) => point[1]));
  const x = (step) => ((step - left) / (right - left || 1)) * WIDTH;
  const y = (loss) => HEIGHT - 3 - ((loss - low) / (high - low || 1)) * (HEIGHT - 6);
  const drawing = svg("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: "none", class: "curve", role: "img",
    "aria-label": t("queue.curve", { low: short(low), high: short(high) }) });
  for (const [name, points, colour] of lines) {
    const line = svg("polyline", { points: points.map(([step, loss]) => `${x(step).toFixed(1)},${y(loss).toFixed(1)}`).join(" "),
      fill: "none", stroke: colour, "stroke-width": "1.5", "vector-effect": "non-scaling-stroke" });
    const title = svg("title", {});
    title.textContent = name;
    line.append(title);
    drawing.append(line);
  }
  return h("figure", null, h("div", { class: "curve-axis small muted" }, h("span", null, short(high)), h("span", null, short(low))),
    drawing);
}

function range(values) {
  return [values.reduce((a, b) => Math.min(a, b)), values.reduce((a, b) => Math.max(a, b))];
}

function svg(tag, attributes) {
  const node = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  return node;
}
