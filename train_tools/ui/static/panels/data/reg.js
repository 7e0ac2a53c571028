// 5. Regularisation images: what is there, taking some in, having the base model make them.

import { fill, h, icon } from "../../kit/dom.js";
import { number } from "../../kit/format.js";
import { rowsIn } from "../../kit/rows.js";
import { t } from "../../kit/texts.js";
import { attempt } from "../../kit/toast.js";
import { PictureGrid } from "./grid.js";
import { isOpen, jobRow } from "./jobs.js";
import { terms, view } from "./viewer.js";

export function regularisation(store, context) {
  const table = h("div", { class: "scroll" });
  const jobs = h("div");
  const showJobs = rowsIn(jobs);
  const grid = new PictureGrid({ context, label: t("data.reg"), open });
  const make = h("button", { onclick: () => attempt(async () => {
    await store.post("regularise", {});
    await store.now();
  }) }, icon("image"), t("data.make_reg"));
  const node = h("details", { class: "card reg" }, h("summary", null, h("h2", null, t("data.reg")), h("span", { class: "muted small" }, t("data.reg_summary"))),
    h("p", { class: "muted" }, t("data.reg_text")), h("div", { class: "row tight" }, make, h("span", { class: "muted small" }, t("data.make_reg_help"))), jobs, table, grid.node);

  store.on("state", () => {
    const own = store.state.jobs.filter((job) => job.kind === "regularise");
    const running = own.some(isOpen);
    make.disabled = running || !store.values.reg?.concepts.length;
    showJobs(own.filter((job, index) => isOpen(job) || (index === 0 && job.state === "failed")).map((job) => [job.name, job, (first) => jobRow(store, first)]));
  });
  store.on("reg", (found) => {
    fill(table, found.folders.length ? folderTable(found) : h("p", { class: "muted" }, t("data.no_reg")));
    grid.node.hidden = !found.rows.length;
    grid.show(found.rows.map(([file, time]) => ({ key: file, file, token: time, name: file.split("/").slice(2).join("/"), marks: [] })));
  });

  async function open(index) {
    const at = await view(context, grid.rows, index, async (row) => terms([[t("data.file"), row.name]]));
    if (at < grid.rows.length) grid.selection.only(at);
  }

  return { node, end: () => grid.end() };
}

function folderTable(found) {
  const head = [t("data.folder"), t("data.fact_images"), t("data.shown_an_epoch"), t("data.without_caption"), t("data.called")];
  const rows = found.folders.map((one) => h("tr", null,
    h("td", null, one.folder), h("td", null, number(one.images)), h("td", null, number(one.shown)), h("td", null, number(one.without_caption)),
    h("td", null, one.as_trigger ? h("span", { class: "chip warn" }, t("data.trigger_word", { name: one.name })) : one.name)));
  return [h("table", { class: "small" }, h("thead", null, h("tr", null, head.map((text) => h("th", null, text)))), h("tbody", null, rows)),
    found.problems.map((problem) => h("p", { class: "problem" }, h("b", null, problem.name), ` – ${problem.reason}`))];
}
