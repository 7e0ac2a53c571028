// The button Process, its job and what came of it.

import { fill, h, icon } from "../../kit/dom.js";
import { number } from "../../kit/format.js";
import { rowsIn } from "../../kit/rows.js";
import { t } from "../../kit/texts.js";
import { attempt } from "../../kit/toast.js";
import { isOpen, jobRow } from "./jobs.js";

const MOST_ROWS = 100;
const KINDS = new Set(["process", "restore"]);

/** { button, node }: the row of the job that is at it, or the result of the last one; `look()` shows what was made. */
export function processing(store, look) {
  const button = h("button", { class: "primary", disabled: true, onclick: () => attempt(async () => {
    await store.post("process");
    await store.now();
  }) }, icon("play"), t("data.process"));
  const node = h("div", { class: "processing", "aria-live": "polite" });
  const show = rowsIn(node);

  const draw = () => {
    const jobs = store.state.jobs.filter((job) => KINDS.has(job.kind));
    const running = jobs.some(isOpen);
    button.disabled = running || !store.values.originals?.rows.length;
    button.title = store.values.originals?.rows.length ? "" : t("data.process_needs_images");
    const last = jobs[0];
    const hasEnded = last && !isOpen(last);
    show([
      ...jobs.filter((job, index) => isOpen(job) || (index === 0 && job.state === "failed")).map((job) => [job.name, job, (first) => jobRow(store, first)]),
      ...(hasEnded && last.has_result ? [[`${last.name} result`, last, (first) => resultRow(store, first, look)]] : []),
    ]);
  };
  store.on("state", draw);
  store.on("originals", draw);
  return { button, node };
}

function resultRow(store, job, look) {
  const node = h("div", { class: "result-row" });
  attempt(async () => fill(node, resultOf(await store.get(`jobs/${encodeURIComponent(job.name)}/result`), job.kind, look)));
  return { node };
}

function resultOf(result, kind, look) {
  const chips = [["good", t("data.n_made", { n: number(result.images), revision: result.revision ?? "–" })]];
  if (kind === "restore") return chipRow(chips, look);
  if (result.reused) chips.push(["", t("data.n_reused", { n: number(result.reused) })]);
  if (result.captions_kept) chips.push(["", t("data.n_captions_kept", { n: number(result.captions_kept) })]);
  if (result.failed.length) chips.push(["bad", t("data.n_failed", { n: number(result.failed.length) })]);
  if (result.skipped.length) chips.push(["warn", t("data.n_skipped", { n: number(result.skipped.length) })]);
  if (result.conflicts.length) chips.push(["warn", t("data.n_conflicts", { n: number(result.conflicts.length) })]);
  const told = [...result.failed, ...result.skipped, ...result.conflicts, ...result.notes].slice(0, MOST_ROWS);
  return [chipRow(chips, look), told.length ? h("details", null, h("summary", null, t("data.details")), h("ul", { class: "reasons small" },
    told.map((one) => h("li", null, h("b", null, one.name), ` – ${one.reason}`)))) : null];
}

const chipRow = (chips, look) => h("div", { class: "row tight" },
  chips.map(([kind, text]) => h("span", { class: `chip ${kind}` }, text)), h("button", { class: "link small", onclick: look }, t("data.look_at_them")));
