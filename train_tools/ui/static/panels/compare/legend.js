import { h } from "../../kit/dom.js";
import { COLOURS } from "./chart.js";

/** A button for each line; pressed ones are shown. Colours are those that `chart` gives to what is shown. */
export function legend(all, hidden, redraw) {
  let place = 0;
  return all.map((one) => {
    const isShown = !hidden.has(one.run);
    const colour = isShown ? COLOURS[place++ % COLOURS.length] : "var(--line-strong)";
    return h("button", { class: "compare-legend-item", "aria-pressed": String(isShown), title: one.run, onclick: () => {
      if (isShown) hidden.add(one.run);
      else hidden.delete(one.run);
      redraw();
    } }, h("i", { style: { background: colour } }), one.name);
  });
}
