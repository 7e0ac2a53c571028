// The board with its tools: axes, filters, order, size, marks, and the viewer.

import { fill, h, icon } from "../../kit/dom.js";
import * as place from "../../kit/place.js";
import { menu } from "../../kit/dialog.js";
import { t } from "../../kit/texts.js";
import { attempt, toast } from "../../kit/toast.js";
import { number } from "../../kit/format.js";
import { Grid } from "./grid.js";
import { axisName } from "./model.js";
import { askForPictures } from "./pictures.js";

const PRELOAD = 1000; // milliseconds after the board
const SIZES = [48, 64, 96, 128, 160, 192, 256, 320];
const SORTS = ["star", "votes", "training_similarity", "prompt_similarity", "diversity", "nearest_training"];

export function mount(root, shared) {
  const tools = h("div", { class: "board-tools row" });
  const status = h("span", { class: "muted small", role: "status" });
  const holder = h("div", { class: "board-holder" });
  fill(root, tools, holder);
  const pinned = { key: "", label: "" };
  const grid = new Grid({ thumb: (cell) => shared.thumb(shared.model.key(cell)), open, keys });
  shared.onmark = () => grid.refresh();

  async function open(row, column) {
    if (shared.model.at(row, column) < 0) return;
    const { view } = await import("./viewer.js");
    view(shared, { row, column, pinned, onmove: (r, c) => grid.goTo(r, c), onclose: () => grid.node.focus() });
  }

  /** Keys on the board: stars and rejections without opening anything. */
  function keys(event, row, column) {
    const cell = shared.model.at(row, column);
    if (cell < 0) return false;
    const checkpoint = shared.model.checkpoint(shared.model.owner(cell));
    const marks = { s: "star", x: "reject" };
    if (marks[event.key] && shared.model.isBare(cell)) toast(t("compare.bare"));
    else if (marks[event.key]) shared.mark(checkpoint, { mark: checkpoint.mark === marks[event.key] ? "" : marks[event.key] });
    else if (event.key === "+" || event.key === "=") resize(1);
    else if (event.key === "-") resize(-1);
    else return false;
    return true;
  }

  function resize(step) {
    const at = SIZES.findIndex((size) => size >= shared.size);
    shared.size = SIZES[Math.max(0, Math.min(SIZES.length - 1, at + step))];
    localStorage.setItem("train-tools.board-size", shared.size);
    const { row, column } = grid;
    grid.update(shared.model, shared.size);
    grid.goTo(row, column);
  }

  function redraw() {
    const { model } = shared;
    drawTools();
    if (!model.board.cells.owner.length) {
      fill(holder, empty(shared));
      return;
    }
    if (grid.node.parentNode !== holder) fill(holder, grid.node);
    grid.update(model, shared.size);
    fill(status, t("compare.shown", { pictures: number(model.table.shown), checkpoints: number(model.board.checkpoints.id.length) }));
  }

  function drawTools() {
    fill(tools, axes("rows"), axes("columns"), filters(), order(), h("span", { class: "space" }), status,
      h("span", { class: "row tight" },
        h("button", { class: "quiet", "aria-label": t("compare.smaller"), title: t("compare.smaller"), onclick: () => resize(-1) }, icon("minus")),
        h("button", { class: "quiet", "aria-label": t("compare.larger"), title: t("compare.larger"), onclick: () => resize(1) }, icon("plus")),
        h("button", { class: "quiet", "aria-label": t("compare.keys"), title: t("compare.keys_help") }, icon("info"))));
  }

  function axes(side) {
    const chosen = shared.ask[side];
    const shown = shared.model.table[side];
    const button = h("button", { "aria-haspopup": "menu", title: t(`compare.axes_help_${side}`), onclick: () => menu(button, items()) },
      h("span", { class: "muted" }, t(`compare.axes_${side}`)), shown.map(axisName).join(" · ") || t("compare.none"), icon("down"));
    const set = (value) => shared.change({ [side]: value, [other]: shared.ask[other].filter((name) => !value.includes(name)) });
    const other = side === "rows" ? "columns" : "rows";
    const items = () => [
      [t("compare.automatic"), () => set([])],
      ...shared.model.board.axes.map((axis) => [
        `${chosen.includes(axis.name) ? "✓ " : ""}${axisName(axis.name)} (${axis.texts.length})`,
        () => set(chosen.includes(axis.name) ? chosen.filter((name) => name !== axis.name) : [...chosen, axis.name]),
      ]),
    ];
    return button;
  }

  function filters() {
    const { where, starred, no_rejected: noRejected } = shared.ask;
    const chips = Object.entries(where).map(([name, values]) =>
      h("button", { class: "chip accent", title: values.join("\n"), "aria-label": t("compare.drop_filter", { name: axisName(name) }), onclick: () => drop(name) },
        `${axisName(name)}: ${values.length > 1 ? values.length : shorten(values[0])}`, icon("close")));
    const drop = (name) => shared.change({ where: Object.fromEntries(Object.entries(where).filter(([other]) => other !== name)) });
    const button = h("button", { "aria-haspopup": "menu", onclick: () => menu(button, [
      [`${starred ? "✓ " : ""}${t("compare.only_starred")}`, () => shared.change({ starred: starred ? "" : "1" })],
      [`${noRejected ? "✓ " : ""}${t("compare.without_rejected")}`, () => shared.change({ no_rejected: noRejected ? "" : "1" })],
      ...shared.model.board.axes.map((axis) => [axisName(axis.name), () => choose(axis)]),
    ]) }, t("compare.filter"), starred || noRejected ? icon("star") : null, icon("down"));
    return h("span", { class: "row tight" }, button, chips);
  }

  async function choose(axis) {
    const { chooseValues } = await import("./filter.js");
    const values = await chooseValues(axisName(axis.name), axis.texts, shared.ask.where[axis.name] || [], (text) => shared.model.called(axis.name, text));
    if (!values) return;
    const { [axis.name]: _, ...others } = shared.ask.where;
    shared.change({ where: values.length && values.length < axis.texts.length ? { ...others, [axis.name]: values } : others });
  }

  function order() {
    const known = SORTS.filter((name) => ["star", "votes"].includes(name) || shared.model.scores[0]?.measures[name]);
    return h("label", { class: "row tight" }, h("span", { class: "muted small" }, t("compare.sort")),
      h("select", { onchange: (event) => shared.change({ sort: event.target.value }) },
        h("option", { value: "" }, t("compare.sort_none")), known.map((name) => h("option", { value: name, selected: shared.ask.sort === name }, t(`compare.sort_${name}`)))));
  }

  (async () => {
    if (!shared.model && !(await attempt(() => shared.load()))) {
      // An address that asks for axes that are gone must not lock the board.
      shared.ask = { rows: [], columns: [], where: {}, sort: "", starred: "", no_rejected: "" };
      place.remember(shared.query);
      if (!(await attempt(() => shared.load()))) return;
    }
    redraw();
    setTimeout(() => import("./viewer.js"), PRELOAD); // so that the first picture opens at once
  })();
  return { redraw, unmount: () => (grid.end(), (shared.onmark = null)) };
}

const shorten = (text) => (text.length > 24 ? `${text.slice(0, 23)}…` : text);

function empty(shared) {
  const trained = shared.model.board.checkpoints.id.length;
  return h("div", { class: "empty" }, h("h1", null, t("compare.empty")), h("p", null, trained ? t("compare.empty_preview") : t("compare.empty_train")),
    h("button", { class: "primary", onclick: () => (trained ? askForPictures(shared) : shared.context.go({ panel: "plan" })) }, trained ? t("compare.pictures") : t("page.plan")));
}
