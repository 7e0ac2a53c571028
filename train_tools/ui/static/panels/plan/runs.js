// The list of runs: only the visible rows are in the page, and fetched a hundred at a time.

import * as api from "../../kit/api.js";
import { fill, h } from "../../kit/dom.js";
import { duration, number } from "../../kit/format.js";
import { titled } from "../../kit/names.js";
import { t } from "../../kit/texts.js";
import { VirtualGrid } from "../../kit/virtual.js";
import { openRun } from "./run_toml.js";

const PAGE = 100;
const ROW = 46; // px
const FOLD = 12; // rows that are seen at first
const STATE_KIND = { finished: "good", failed: "bad", impossible: "bad", running: "accent", queued: "accent", interrupted: "warn", paused: "warn" };

/** In a word, where the data is what has changed. */
const newBy = ({ state, why }) => (why && why !== "settings" && state !== "impossible" ? `: ${t(`plan.new_by_${why}`)}` : null);

export class Runs {
  constructor(store) {
    Object.assign(this, { store, rows: new Map(), pages: new Map(), state: "", plan: null, focus: -1 });
    this.filter = h("div", { class: "row tight", role: "group", "aria-label": t("plan.show_states") });
    this.grid = new VirtualGrid({ width: 100_000, height: ROW, gap: 0, draw: (index) => this.#row(index), label: t("plan.list"), fold: FOLD * ROW });
    this.node = h("div", { class: "card runs" }, h("h2", null, t("plan.list")), this.filter, this.grid.node);
  }

  end() {
    this.grid.end();
  }

  update(plan) {
    this.plan = plan;
    this.node.hidden = Boolean(plan.problem);
    if (plan.problem) return;
    const { states } = plan;
    if (this.state && !states[this.state]) this.state = "";
    const names = Object.keys(states);
    const button = (state, count, words) => h("button", { class: "chip", "aria-pressed": String(state === this.state), onclick: () => this.#show(state) }, `${words} ${number(count)}`);
    fill(this.filter, names.length > 1 ? [button("", plan.runs, t("plan.all")), names.map((state) => button(state, states[state], t(`plan.state_${state}`)))] : null);
    this.rows.clear();
    this.pages.clear();
    this.grid.update(this.#count());
  }

  #count() {
    return this.state ? this.plan.states[this.state] : this.plan.runs;
  }

  #show(state) {
    this.state = state;
    this.update(this.plan);
  }

  #row(index) {
    const run = this.rows.get(index);
    if (!run) this.#fetch(Math.floor(index / PAGE));
    return h("div", null, run ? this.#button(run) : h("div", { class: "run-row muted" }, "…"));
  }

  #button(run) {
    const time = run.seconds ? duration(run.seconds) : "";
    const pack = run.beside.length ? t("plan.in_pack", { n: number(run.pack), of: number(this.plan.packs) }) : "";
    const beside = run.beside.length ? `\n${t("plan.beside", { names: run.beside.map(titled).join("; ") })}` : "";
    return h("button", { class: "run-row", title: run.name + beside, onclick: () => openRun(this.store, this.plan, run) },
      h("span", { class: "number muted small" }, number(run.index + 1)),
      h("span", { class: "run-name" }, h("span", { class: "label" }, titled(run.label)), h("span", { class: "muted small" }, [t("plan.n_steps", { n: number(run.steps) }), time, pack].filter(Boolean).join(" · "))),
      h("span", { class: `chip ${STATE_KIND[run.state] ?? ""}`, title: [...run.reasons, run.why ? t(`plan.why_${run.why}`, { n: number(1) }) : ""].filter(Boolean).join("; ") },
        t(`plan.state_${run.state}`), newBy(run)));
  }

  async #fetch(page) {
    if (this.pages.has(page)) return;
    const { plan, state } = this;
    this.pages.set(page, true);
    try {
      const found = await api.get(`${this.store.base}plan/runs`, { plan: plan.plan, state, from: page * PAGE, count: PAGE });
      if (plan !== this.plan || state !== this.state) return;
      found.rows.forEach((row, at) => {
        this.rows.set(page * PAGE + at, row);
        this.grid.refresh(page * PAGE + at);
      });
    } catch (error) {
      if (error.status === undefined) throw error;
      if (plan === this.plan) this.store.planSoon(); // another page's plans have pushed this one out
    }
  }
}
