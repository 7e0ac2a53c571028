// What has ended, folded by what was queued together.

import { append, fill, h } from "../../kit/dom.js";
import { number, when } from "../../kit/format.js";
import { t } from "../../kit/texts.js";
import { act } from "./actions.js";
import { FoldedList, KeyedList } from "./keyed.js";
import { row } from "./row.js";

const STATES = [["finished", "good"], ["failed", "bad"], ["cancelled", ""]];

export class Ended {
  constructor(panel, clear) {
    this.panel = panel;
    this.title = h("h2");
    const list = h("div", { class: "batches" });
    const more = h("button", { class: "more-rows", hidden: true });
    const head = h("div", { class: "row" }, this.title, h("span", { class: "space" }), h("button", { onclick: clear }, t("queue.clear")));
    this.folded = this.#list(list, more);
    const others = h("div", { class: "batches" });
    const moreOthers = h("button", { class: "more-rows", hidden: true });
    this.others = this.#list(others, moreOthers);
    this.othersTitle = h("summary");
    this.othersNode = h("details", { class: "other-work" }, this.othersTitle, others, moreOthers);
    this.node = h("section", { class: "ended" }, head, list, more, this.othersNode);
  }

  #list(node, more) {
    return new FoldedList(new KeyedList(node, (batch) => this.#batch(batch), (batch) => batch.key), more, 30);
  }

  /** Trainings, and below them what else was done; that alone where nothing was trained. */
  show(trainings, others) {
    const count = (batches) => batches.reduce((sum, batch) => sum + batch.entries.length, 0);
    this.node.hidden = !trainings.length && !others.length;
    this.title.textContent = t("queue.ended_title", { n: number(count(trainings) + count(others)) });
    this.folded.show(trainings, (n) => t("queue.more", { n: number(n) }));
    this.othersNode.hidden = !others.length;
    const failed = others.flatMap((batch) => batch.entries).filter((entry) => entry.state === "failed").length;
    fill(this.othersTitle, t("queue.other_work", { n: number(count(others)) }), failed ? [" ", h("span", { class: "chip bad" }, t("queue.count_failed", { n: number(failed) }))] : null);
    if (!this.wasShown && others.length) this.othersNode.open = !trainings.length;
    this.wasShown = !this.node.hidden;
    this.others.show(others, (n) => t("queue.more", { n: number(n) }));
  }

  #batch(batch) {
    const node = h("div", { class: "batch" });
    let shape = "";
    let part = null;
    const update = (batch) => {
      const now = batch.entries.length > 1 ? "many" : "one";
      if (now !== shape) {
        shape = now;
        part = now === "many" ? folded(this.panel) : single(this.panel);
        fill(node, part.node);
      }
      part.update(batch);
    };
    update(batch);
    return { node, update };
  }
}

function single(panel) {
  const list = h("ul", { class: "entries" });
  const rows = new KeyedList(list, (entry) => row(entry, panel));
  return { node: list, update: (batch) => rows.show(batch.entries) };
}

/** Rows are made when it is opened. */
function folded(panel) {
  let batch = null;
  const summary = h("summary");
  const list = h("ul", { class: "entries" });
  const more = h("button", { class: "more-rows", hidden: true });
  const reason = h("div", { class: "problem reason" });
  const rows = new FoldedList(new KeyedList(list, (entry) => row(entry, panel)), more);
  const draw = () => details.open && rows.show(sorted(batch.entries), (n) => t("queue.more", { n: number(n) }));
  const details = h("details", { ontoggle: draw }, summary, list, more);
  const links = h("div", { class: "batch-links" }); // beside the summary, which is a button itself
  const update = (given) => {
    batch = given;
    const [first] = batch.entries;
    const failed = batch.entries.filter((entry) => entry.state === "failed");
    fill(summary, h("span", { class: "batch-name" }, `${first.project} / ${first.version}`),
      h("span", { class: "small muted" }, when(batch.ended)),
      STATES.map(([state, tone]) => chip(batch.entries, state, tone)));
    const hasResults = batch.entries.some((entry) => entry.kind === "train" && entry.state === "finished");
    fill(links, hasResults ? h("button", { class: "link", onclick: () =>
      panel.context.go({ project: first.project, version: first.version, panel: "compare" }) }, t("queue.compare")) : null);
    fill(reason);
    if (failed.length) {
      append(reason, [h("button", { class: "link", onclick: () => panel.open(failed[0].id) }, t("queue.what_helps")), " · ",
        h("button", { class: "link", onclick: () => act(panel, "retry", failed.map((entry) => entry.id)) },
          t("queue.retry_failed", { n: failed.length })),
        h("div", null, failed[0].error || "")]);
    }
    draw();
  };
  return { node: h("div", { class: "card fold" }, links, details, reason), update };
}

function chip(entries, state, tone) {
  const count = entries.filter((entry) => entry.state === state).length;
  return count ? h("span", { class: `chip ${tone}` }, `${number(count)} ${t(`queue.state_${state}`)}`) : null;
}

const GRAVE = { failed: 0, cancelled: 1, finished: 2 };
const sorted = (entries) => [...entries].sort((a, b) => GRAVE[a.state] - GRAVE[b.state]);
