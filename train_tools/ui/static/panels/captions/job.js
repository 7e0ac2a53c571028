// The captioner at work: its progress, and how it ended.

import { fill, h, icon } from "../../kit/dom.js";
import { t } from "../../kit/texts.js";
import { act } from "../queue/actions.js";
import { hasEnded, Store } from "../queue/store.js";
import { captioner } from "./captioner.js";

export class Job {
  constructor(panel) {
    this.panel = panel;
    this.store = new Store();
    this.since = Date.now() / 1000 - 5; // what ended before is no news
    this.closed = new Set();
    this.node = h("div", { class: "caption-job" });
  }

  async refresh() {
    if (await this.store.refresh()) this.draw();
  }

  get #mine() {
    const { project, version } = this.panel.context;
    return this.store.all().filter((entry) => entry.kind === "caption" && entry.project === project && entry.version === version);
  }

  get isActive() {
    return this.#mine.some((entry) => entry.state === "running");
  }

  draw() {
    const shown = this.#mine.filter((entry) => !hasEnded(entry) || (entry.ended > this.since && !this.closed.has(entry.id)));
    fill(this.node, shown.slice(-3).map((entry) => this.#strip(entry)));
  }

  #strip(entry) {
    const queue = h("button", { class: "link", onclick: () => this.panel.context.go({ panel: "queue" }) }, t("captions.in_queue"));
    if (hasEnded(entry)) {
      const close = h("button", { class: "quiet", "aria-label": t("kit.close"), onclick: () => (this.closed.add(entry.id), this.draw()) },
        icon("close"));
      const tone = { finished: "good", failed: "bad" }[entry.state] || "";
      return h("div", { class: `note ${tone}` },
        h("span", { class: "grow" }, t(`captions.job_${entry.state}`), entry.error ? ` ${entry.error}` : ""),
        entry.state === "failed" ? [h("button", { class: "link", onclick: () => captioner(this.panel) }, t("captions.other_captioner")), queue] : null, close);
    }
    const share = entry.steps ? entry.step / entry.steps : 0;
    const words = entry.state === "running" ? t("captions.job_running",
      { n: entry.step, of: entry.steps || "…" }) : t("captions.job_waiting");
    return h("div", { class: "note" }, h("span", null, words),
      h("div", { class: "progress grow", role: "progressbar", "aria-label": words, "aria-valuenow": String(Math.round(share * 100)) },
      h("div", { style: { width: `${share * 100}%` } })),
      entry.state === "running" ? null : queue, h("button", { class: "link", onclick: () => this.#cancel(entry) }, t("kit.cancel")));
  }

  #cancel(entry) {
    return act({ refresh: () => this.refresh() }, "cancel", [entry.id]);
  }
}
