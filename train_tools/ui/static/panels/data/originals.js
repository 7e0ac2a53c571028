// 2. The originals: look, choose, delete and undo, move to a concept.

import { ask, menu } from "../../kit/dialog.js";
import { fill, h, icon } from "../../kit/dom.js";
import { bytes, number, when } from "../../kit/format.js";
import { t } from "../../kit/texts.js";
import { attempt, toast } from "../../kit/toast.js";
import { byHand } from "./by_hand.js";
import { chooseAmong } from "./duplicates.js";
import { DRAGGED, folders } from "./folders.js";
import { PictureGrid, thumbOf } from "./grid.js";
import { terms, view } from "./viewer.js";

const [NEW, , SKIPPED] = [0, 1, 2]; // with regard to the current revision
const FILTERS = ["all", "new", "skipped", "alike", "no_caption"];

/** `onshow(row)` hears which picture a person is at. */
export function originals(store, context, form, onshow) {
  const known = { list: null, rows: [], alike: new Map(), filter: "all", concept: null };
  const grid = new PictureGrid({ context, label: t("data.originals"), open, remove, dragged: DRAGGED, edit: () => edit(),
    onselect: () => (drawTools(), onshow(current())) });
  const tools = h("div", { class: "row tight tools" });
  const bar = folders({ ondrop: (concept) => moveTo(concept), onopen: (concept) => {
    known.concept = concept;
    drawRows();
  } });
  const none = h("div", { class: "empty", hidden: true }, h("p", null, t("picture.no_match")), h("button", { onclick: () => {
    Object.assign(known, { filter: "all", concept: null });
    drawRows();
  } }, t("together.clear_filter")));
  const node = h("div", { class: "originals" }, bar.node, tools, grid.node, none);

  store.on("originals", (list) => {
    known.list = list;
    known.alike = new Map(list.duplicates.flatMap((group) => group.names.map((name) => [name, group.names])));
    drawRows();
  });

  const current = () => grid.rows[grid.selection.at];
  const conceptOf = (name) => (name.includes("/") ? name.split("/")[0] : "");
  const concepts = () => [...new Set(known.list.rows.map(([name]) => conceptOf(name)).filter(Boolean))];

  function drawRows() {
    const counts = new Map();
    for (const [name] of known.list.rows) counts.set(conceptOf(name), (counts.get(conceptOf(name)) ?? 0) + 1);
    if (known.concept !== null && !counts.has(known.concept)) known.concept = null;
    bar.show(new Map([...counts].sort(([one], [other]) => one.localeCompare(other))), form.effective("concept"), known.concept);
    known.rows = known.list.rows.filter(passes).map(rowOf);
    none.hidden = known.rows.length > 0;
    grid.node.hidden = known.rows.length === 0;
    grid.show(known.rows);
  }
  store.on("settings", () => known.list && drawRows());

  function passes([name, , , , , state, hasCaption]) {
    if (known.concept !== null && conceptOf(name) !== known.concept) return false;
    return { all: true, new: state === NEW, skipped: state === SKIPPED, alike: known.alike.has(name), no_caption: !hasCaption }[known.filter];
  }

  function rowOf([name, size, time, width, height, state, hasCaption]) {
    const marks = [];
    if (state === SKIPPED) marks.push(["bad", t("data.mark_skipped")]);
    else if (state === NEW && known.list.is_processed) marks.push(["accent", t("data.mark_new")]);
    if (known.alike.has(name)) marks.push(["warn", t("data.mark_alike")]);
    for (const kind of known.list.touched[name] ?? []) marks.push(["accent", t(`picture.mark_${kind}`)]);
    if (hasCaption) marks.push(["", t("data.mark_caption")]);
    return { key: name, hasCaption, file: `dataset/origin/${name}`, token: time, name, marks, size, time, width, height };
  }

  function drawTools() {
    if (!known.list) return;
    const chosen = grid.selection.list();
    const count = h("span", { class: "muted" }, chosen.length ? t("data.n_chosen", { n: number(chosen.length) }) : t("data.n_originals", { n: number(known.rows.length) }));
    const had = document.activeElement?.dataset?.tool;
    fill(tools, count, h("span", { class: "space" }), chosen.length ? acts() : filters());
    if (had) tools.querySelector(`[data-tool="${had}"]`)?.focus();
  }

  function acts() {
    const move = h("button", { "aria-haspopup": "menu", dataset: { tool: "move" }, onclick: () => menu(move, moveItems()) }, icon("folder"), t("data.move"));
    const one = grid.selection.list().length === 1;
    return [one ? h("button", { dataset: { tool: "edit" }, onclick: () => edit() }, icon("edit"), t("picture.edit")) : null, move,
      h("button", { class: "danger", dataset: { tool: "delete" }, onclick: remove }, icon("trash"), t("data.delete")),
      h("button", { dataset: { tool: "none" }, onclick: () => grid.selection.none() }, t("data.choose_none"))];
  }

  function filters() {
    const filter = h("select", { "aria-label": t("data.filter"), dataset: { tool: "filter" }, onchange: (event) => {
      known.filter = event.target.value;
      drawRows();
    } }, FILTERS.map((name) => h("option", { value: name, selected: name === known.filter }, t(`data.filter_${name}`))));
    const alike = known.list.duplicates.length ? h("button", { dataset: { tool: "alike" }, onclick: chooseAlike },
      t("picture.alike_button", { n: number(known.list.duplicates.length) })) : null;
    const words = t("picture.undo_of", { name: known.list.undo });
    const undo = known.list.undo ? h("button", { class: "quiet", "aria-label": words, title: words, dataset: { tool: "undo" }, onclick: () => attempt(async () => {
      await store.post("by-hand/undo");
      await store.now();
    }) }, icon("undo")) : null;
    return [undo, alike, filter, h("button", { dataset: { tool: "all" }, disabled: !known.rows.length, onclick: () => grid.selection.all() }, t("data.choose_all"))];
  }

  function moveItems() {
    return [
      [t("data.own_concept"), () => moveTo("")],
      ...concepts().map((name) => [name, () => moveTo(name)]),
      [t("data.new_concept"), async () => {
        const name = await ask(t("data.new_concept"), t("data.concept_name"), "", t("data.move"));
        if (name) moveTo(name);
      }],
    ];
  }

  async function moveTo(concept) {
    const answer = await attempt(() => store.post("originals/move", { names: grid.selection.list(), concept }));
    if (!answer) return;
    grid.selection.none();
    store.now();
    const moved = Object.entries(answer.names);
    if (moved.length) toast(t("data.moved", { n: number(moved.length) }), { action: [t("data.undo"), () => moveBack(moved)] });
  }

  async function moveBack(moved) {
    for (const concept of new Set(moved.map(([old]) => conceptOf(old)))) {
      const names = moved.filter(([old]) => conceptOf(old) === concept).map(([, now]) => now);
      await attempt(() => store.post("originals/move", { names, concept }));
    }
    store.now();
  }

  function remove() {
    const names = grid.selection.list();
    return names.length ? deleteThese(names) : undefined;
  }

  async function deleteThese(names) {
    const answer = await attempt(() => store.post("originals/delete", { names }));
    if (!answer) return;
    grid.selection.none();
    store.now();
    const undo = async () => {
      await attempt(() => store.post("originals/undo", { entry: answer.entry }));
      store.now();
    };
    toast(t("data.deleted", { n: number(answer.images) }), { action: [t("data.undo"), undo] });
  }

  async function edit(name = current()?.name, mode = "crop") {
    if (name) await byHand(store, form, name, mode);
    grid.node.focus();
  }

  async function chooseAlike() {
    const rows = new Map(known.list.rows.map((row) => [row[0], rowOf(row)]));
    const groups = known.list.duplicates.map((group) => group.names.map((name) => rows.get(name)).filter(Boolean));
    const names = await chooseAmong(context, groups);
    if (names.length) deleteThese(names);
  }

  async function open(index) {
    const at = await view(context, known.rows, index, details);
    if (at < grid.rows.length) grid.selection.only(at);
    grid.node.focus();
  }

  async function details(row) {
    const found = await store.get("original", { name: row.name });
    const alike = known.alike.get(row.name)?.filter((name) => name !== row.name).join(", ");
    const made = found.made.map((one) => h("img", { src: thumbOf(context, one.file, row.time), alt: one.file, title: one.note || one.operation }));
    return [
      terms([
        [t("data.concept"), found.concept || t("data.own_concept")],
        [t("data.size"), row.width ? `${row.width} × ${row.height}` : ""],
        [t("data.file"), bytes(row.size)],
        [t("data.changed"), when(row.time / 1e6)],
        [t("data.caption"), found.caption],
        [t("data.look_alike"), alike],
        [t("data.mark_skipped"), known.list.skipped[row.name]],
      ]),
      h("div", { class: "row tight" }, ["crop", "mask"].map((mode) => h("button", { onclick: (event) => {
        event.target.closest("dialog").close();
        edit(row.name, mode);
      } }, icon(mode === "crop" ? "edit" : "image"), t(`picture.${mode}`)))),
      made.length ? [h("h3", null, t("data.made_of_it")), h("div", { class: "made" }, made)] : null,
    ];
  }

  return { node, grid, current, end: () => grid.end() };
}
