// A job of the queue as a row: what it does, how far it is, cancel or once more.

import { fill, h, icon } from "../../kit/dom.js";
import { number } from "../../kit/format.js";
import { t } from "../../kit/texts.js";
import { attempt } from "../../kit/toast.js";

const OPEN = new Set(["queued", "running", "interrupted", "paused"]);
const ENDED_BADLY = new Set(["interrupted", "paused", "failed", "cancelled"]);

export const isOpen = (job) => OPEN.has(job.state);

/** { node, set(share) }; a share is from 0 to 1. */
export function bar(label) {
  const inner = h("div");
  const node = h("div", { class: "progress", role: "progressbar", "aria-label": label, "aria-valuemin": "0", "aria-valuemax": "100" }, inner);
  return {
    node,
    set(share) {
      inner.style.width = `${share * 100}%`;
      node.setAttribute("aria-valuenow", String(Math.round(share * 100)));
    },
  };
}

/** For kit/rows.js. */
export function jobRow(store, first) {
  const title = t(`data.job_${first.kind}`);
  const words = h("span", { class: "muted small job-text" });
  const progress = bar(title);
  const problem = h("p", { class: "problem" });
  const act = (path) => attempt(async () => {
    await store.post(path, { id: first.id });
    await store.now();
  });
  const again = h("button", { onclick: () => act("jobs/retry") }, icon("again"), t("data.again"));
  const cancel = h("button", { onclick: () => act("jobs/cancel") }, t("kit.cancel"));
  const node = h("div", { class: "job" },
    h("div", { class: "row tight" }, h("strong", null, title), words, h("span", { class: "space" }), again, cancel), progress.node, problem);
  return {
    node,
    update(job) {
      fill(words, wordsOf(job));
      fill(problem, job.error || "");
      again.hidden = !ENDED_BADLY.has(job.state);
      cancel.hidden = !isOpen(job);
      progress.node.hidden = job.state !== "running";
      progress.set(job.total ? job.done / job.total : 0);
    },
  };
}

function wordsOf(job) {
  if (job.state !== "running") return t(`data.state_${job.state}`);
  if (!job.total) return job.waits ? t("data.waits_for_writer") : t("data.starts");
  return `${number(job.done)} / ${number(job.total)}${job.item ? ` · ${job.item}` : ""}`;
}
