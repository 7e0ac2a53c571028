// Compare: board, blind votes, scores, curves, runs. Each view is a module with `mount(root, shared) → { unmount?, redraw? }`.

import * as api from "../../kit/api.js";
import { fill, h, icon } from "../../kit/dom.js";
import * as place from "../../kit/place.js";
import { poll } from "../../kit/poll.js";
import { t } from "../../kit/texts.js";
import { attempt } from "../../kit/toast.js";
import * as board from "./board.js";
import { askForMore } from "../queue/more.js";
import { downloads } from "./downloads.js";
import { askForPictures } from "./pictures.js";
import { Model } from "./model.js";

// The board is what people come for; the others are fetched when they are opened.
const VIEWS = { board: () => board, vote: () => import("./vote.js"), scores: () => import("./scores.js"), curves: () => import("./curves.js"), runs: () => import("./runs.js") };
const EVERY = 4000; // milliseconds between looks at whether something was rendered

export default {
  mount(root, context) {
    const shared = new Shared(context);
    const tabs = h("div", { class: "row tight compare-views", role: "tablist", "aria-label": t("page.compare") });
    const body = h("div", { class: "compare-body" });
    fill(root, h("h1", { class: "unseen" }, t("page.compare")), h("div", { class: "compare-head row" }, tabs, h("span", { class: "space" }),
      h("button", { "aria-haspopup": "menu", onclick: (event) => downloads(shared, event.currentTarget) }, icon("download"), t("compare.download"), icon("down")),
      h("button", { title: t("compare.go_on_help"), onclick: () => attempt(() => askForMore(context.base, [], context.go, (name) => shared.labelOf(name))) }, icon("star"), t("compare.go_on_starred")),
      h("button", { onclick: () => askForPictures(shared) }, icon("image"), t("compare.pictures"))), body);
    let shown = null;
    let turn = 0;
    const asked = place.read().query.get("view");
    let view = asked in VIEWS ? asked : "board";

    const show = async () => {
      const mine = ++turn;
      shown?.unmount?.();
      shown = null;
      fill(tabs, Object.keys(VIEWS).map((name) =>
        h("button", { role: "tab", "aria-selected": String(name === view), onclick: () => choose(name) }, t(`compare.view_${name}`))));
      fill(body);
      const module = await VIEWS[view]();
      if (mine === turn) shown = module.mount(body, shared);
    };
    const choose = (name) => {
      view = name;
      place.remember({ view: name === "board" ? "" : name });
      show();
    };
    shared.openView = choose;
    shared.changed = () => shown?.redraw?.();
    show();
    const watching = poll(() => shared.look(), EVERY);
    return {
      unmount() {
        turn++;
        watching.end();
        shown?.unmount?.();
      },
    };
  },
};

/** What the views share: the version's board, and what a person asked of it, kept in the address. */
class Shared {
  constructor(context) {
    this.context = context;
    this.at = `${context.base}compare/`;
    this.model = null;
    const query = place.read().query;
    const list = (name) => (query.get(name) || "").split(",").filter(Boolean);
    this.ask = { rows: list("rows"), columns: list("columns"), where: read(query.get("where")), sort: query.get("sort") || "", starred: query.get("starred") || "", no_rejected: query.get("no_rejected") || "" };
    this.size = Number(localStorage.getItem("train-tools.board-size")) || 128;
  }

  get query() {
    const { rows, columns, where, sort, starred, no_rejected: noRejected } = this.ask;
    return { rows: rows.join(","), columns: columns.join(","), where: Object.keys(where).length ? JSON.stringify(where) : "", sort, starred, no_rejected: noRejected };
  }

  async load() {
    const answer = await api.get(`${this.at}board`, this.query);
    this.stamp = answer.stamp;
    this.model = new Model(answer);
    return this.model;
  }

  /** What a run is called, its folder's name where nothing is known of it. */
  labelOf(run) {
    return this.model?.board.run_labels[this.model.board.runs.indexOf(run)] ?? run;
  }

  /** Changes what is asked, and asks. Where that is refused, it stays as it was. */
  async change(values) {
    const before = this.ask;
    this.ask = { ...before, ...values };
    const model = await attempt(() => this.load());
    if (!model) this.ask = before;
    else {
      place.remember(this.query);
      this.changed();
    }
  }

  async look() {
    // Rows must not move under a picture that somebody is looking at.
    if (!this.model || document.querySelector("dialog[open]")) return;
    const { stamp } = await api.get(`${this.at}stamp`);
    if (stamp === this.stamp) return;
    await this.load();
    this.changed();
  }

  thumb(key, size = this.size) {
    return `${this.at}thumb/${encodeURIComponent(key)}?side=${size * devicePixelRatio > 200 ? 384 : 192}`;
  }

  picture(key) {
    return `${this.at}picture/${encodeURIComponent(key)}`;
  }

  /** Marks a checkpoint: `change` holds mark or note. The page shows it at once; an error puts it back. */
  async mark(checkpoint, change) {
    const answer = await attempt(() => api.post(`${this.at}mark`, { kind: "checkpoint", id: checkpoint.id, name: `${checkpoint.runName}/${checkpoint.file}`, ...change }));
    if (!answer) return;
    this.model.setMark(checkpoint.number, answer);
    this.#marked();
  }

  async markCell(cell, change) {
    const key = this.model.key(cell);
    const answer = await attempt(() => api.post(`${this.at}mark`, { kind: "cell", id: key, name: key, ...change }));
    if (!answer) return;
    this.model.setCellMark(cell, answer);
    this.#marked();
  }

  async #marked() {
    // What we did ourselves is no reason to load everything anew.
    this.stamp = (await api.get(`${this.at}stamp`)).stamp;
    this.onmark?.();
  }
}

function read(text) {
  try {
    return JSON.parse(text || "{}");
  } catch {
    return {};
  }
}
