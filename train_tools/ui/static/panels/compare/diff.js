// What runs were told differently, side by side.

import * as api from "../../kit/api.js";
import { dialog } from "../../kit/dialog.js";
import { fill, h } from "../../kit/dom.js";
import { number } from "../../kit/format.js";
import { named, titled, valueOf } from "../../kit/names.js";
import { t } from "../../kit/texts.js";

const FACTS = new Set(["data", "engine", "steps"]);

export async function showDifference(shared, names) {
  const found = await api.get(`${shared.at}runs/diff?${new URLSearchParams(names.map((name) => ["run", name]))}`);
  const rows = [...found.facts, ...found.arguments];
  const differing = rows.filter((row) => row.differs);
  const body = h("tbody");
  const all = h("input", { type: "checkbox", onchange: () => draw() });
  const draw = () => fill(body, (all.checked ? rows : differing).map((row) => h("tr", { class: row.differs ? "compare-differs" : "" },
    h("th", { scope: "row", title: row.name }, FACTS.has(row.name) ? t(`compare.diff_${row.name}`) : named(row.name)), row.values.map((value) => h("td", { class: "mono small compare-wrap" }, valueOf(value) || "–")))));
  draw();
  await dialog({
    title: t("compare.diff"),
    wide: true,
    body: [
      h("p", { class: "muted small" }, differing.length ? t("compare.diff_count", { n: number(differing.length), of: number(rows.length) }) : t("compare.diff_none")),
      h("label", { class: "row tight" }, all, h("span", null, t("compare.diff_all"))),
      h("div", { class: "compare-diff" }, h("table", null, h("thead", null, h("tr", null, h("th", null), found.runs.map((run) => h("th", { scope: "col", title: run.name }, titled(run.label))))), body)),
    ],
    buttons: [[t("kit.close"), null, "primary"]],
  });
}
