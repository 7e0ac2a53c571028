// The scores of all checkpoints over their epochs, what each means, and a scoring on request.

import * as api from "../../kit/api.js";
import { dialog } from "../../kit/dialog.js";
import { fill, h, icon } from "../../kit/dom.js";
import { field } from "../../kit/field.js";
import { language, t } from "../../kit/texts.js";
import { attempt, toast } from "../../kit/toast.js";
import { Chart } from "./chart.js";
import { legend } from "./legend.js";

const MOST_AT_FIRST = 8; // runs that are shown before somebody chooses

export function mount(root, shared) {
  const chart = new Chart(t("compare.view_scores"));
  const tools = h("div", { class: "row compare-tools" });
  const words = h("div");
  const runs = h("div", { class: "compare-legend" });
  fill(root, h("div", { class: "compare-scrolling" }, tools, words, chart.node, runs));
  let about = null;
  let model = 0;
  let measure = "";
  const hidden = new Set();
  const language_ = () => (language === "zh" ? 1 : 0);

  function redraw() {
    const found = shared.model.scores;
    const document_ = found[Math.min(model, found.length - 1)];
    const known = document_ ? about.measures.filter((one) => document_.measures[one.id]) : [];
    if (!known.some((one) => one.id === measure)) measure = known[0]?.id ?? "";
    fill(tools,
      found.length > 1 ? h("select", { "aria-label": t("compare.scorer"), onchange: (event) => ((model = Number(event.target.value)), redraw()) },
        found.map((one, place) => h("option", { value: String(place), selected: place === model }, one.title[language_()]))) : document_ ? h("span", { class: "chip" }, document_.title[language_()]) : null,
      known.map((one) => h("button", { "aria-pressed": String(one.id === measure), onclick: () => ((measure = one.id), redraw()) }, one.title[language_()])),
      h("span", { class: "space" }), h("button", { class: "primary", onclick: ask }, icon("chart"), t("compare.score")));
    chart.node.hidden = runs.hidden = !known.length;
    if (!known.length) {
      fill(words, h("div", { class: "empty" }, h("h1", null, t("compare.no_scores")), about.measures.map((one) => h("p", null, h("strong", null, one.title[language_()]), " – ", one.help[language_()]))));
      return;
    }
    fill(words, h("p", { class: "muted" }, known.find((one) => one.id === measure).help[language_()]));
    const all = series(document_);
    if (!hidden.size && all.length > MOST_AT_FIRST) all.slice(MOST_AT_FIRST).forEach((one) => hidden.add(one.run));
    chart.update(all.filter((one) => !hidden.has(one.run)), { xName: t("compare.axis_epoch"), yName: known.find((one) => one.id === measure).title[language_()] });
    fill(runs, legend(all, hidden, redraw), Object.keys(document_.overfit).length ? h("p", { class: "note warn" }, icon("warning"), h("span", null, t("compare.overfit_rule"), " ", document_.rule[language_()])) : null);
  }

  function series(found) {
    const byRun = new Map();
    found.measures[measure].forEach((row, place) => {
      if (!row) return;
      const checkpoint = shared.model.checkpoint(place);
      const one = byRun.get(checkpoint.runName) ?? { run: checkpoint.runName, name: checkpoint.runLabel, x: [], y: [], spread: [], places: [] };
      byRun.set(checkpoint.runName, one);
      one.x.push(checkpoint.epoch || checkpoint.step);
      one.y.push(row[0]);
      one.spread.push(row[1]);
      one.places.push(place);
    });
    for (const [run, hint] of Object.entries(found.overfit)) {
      const one = byRun.get(run);
      const n = one?.places.indexOf(hint.from) ?? -1;
      if (n >= 0) one.marks = [[n, t("compare.overfit")]];
    }
    return [...byRun.values()];
  }

  async function ask() {
    const fields = about.settings.map((entry) => field({ ...entry, label: t(`compare.score_${entry.name}`) }, String(about.values[entry.name] ?? "")));
    const check = async () => {
      const settings = Object.fromEntries(fields.map((one, place) => [about.settings[place].name, one.value]).filter(([, value]) => value !== ""));
      try {
        await api.post(`${shared.at}score`, { settings });
        return "";
      } catch (error) {
        return error.message;
      }
    };
    const answer = await dialog({ title: t("compare.score"), body: [h("p", null, t("compare.score_help")), fields.map((one) => one.node)], buttons: [[t("kit.cancel"), null], [t("compare.score"), true, "primary"]], check });
    if (answer) toast(t("compare.score_queued"), { action: [t("page.queue"), () => shared.context.go({ panel: "queue" })] });
  }

  (async () => {
    about = await attempt(() => api.get(`${shared.at}measures`));
    if (about && (shared.model || (await attempt(() => shared.load())))) redraw();
  })();
  return { redraw: () => about && redraw(), unmount: () => chart.end() };
}
