// A board as the server sent it, asked by numbers of cells, rows and columns.

import { labelOf, titled } from "../../kit/names.js";
import { t } from "../../kit/texts.js";

// The axes that have a name of their own; training arguments are called as in the form.
const NAMED = new Set(["run", "epoch", "step", "checkpoint", "prompt", "negative_prompt", "weight", "weight_unet", "weight_te", "block_weights",
  "seed", "sampler", "scheduler", "steps", "cfg_scale", "guidance", "shift", "rescale", "clip_skip", "size", "renderer", "base_model", "vae", "host", "because", "data"]);

export const axisName = (name) => (NAMED.has(name) ? t(`compare.axis_${name}`) : labelOf(name));

export class Model {
  constructor({ board, table, scores, published }) {
    Object.assign(this, { board: { ...board, run_labels: board.run_labels.map(titled) }, table, scores, published });
    this.axes = new Map(board.axes.map((axis) => [axis.name, axis]));
    this.bare = new Set(board.cells.bare);
    this.rows = table.row_keys.length;
    this.columns = table.column_keys.length;
  }

  /** A cell's number, -1 where the place is empty. */
  at(row, column) {
    return this.table.grid[row * this.columns + column];
  }

  key(cell) {
    const { keys, key_length: length } = this.board.cells;
    return keys.slice(cell * length, (cell + 1) * length).trimEnd();
  }

  owner(cell) {
    return this.board.cells.owner[cell];
  }

  error(cell) {
    return this.board.cells.error[cell] || "";
  }

  /** The checkpoint of that number. */
  checkpoint(number) {
    const c = this.board.checkpoints;
    return { number, id: c.id[number], run: c.run[number], runName: this.board.runs[c.run[number]], runLabel: this.board.run_labels[c.run[number]],
      file: c.file[number], epoch: c.epoch[number], step: c.step[number], bytes: c.bytes[number], mark: c.mark[number], note: c.note[number] || "", fault: c.fault[number] || "" };
  }

  /** Whether it was drawn without the LoRA: the base model's own picture, which all checkpoints share. */
  isBare(cell) {
    return this.bare.has(cell);
  }

  /** What is said of the picture's checkpoint; a picture without LoRA shows nothing of it. */
  mark(cell) {
    return this.isBare(cell) ? "" : this.board.checkpoints.mark[this.owner(cell)];
  }

  cellMark(cell) {
    return this.board.cells.mark[cell]?.mark || "";
  }

  setMark(checkpoint, { mark, note }) {
    const c = this.board.checkpoints;
    c.mark[checkpoint] = mark;
    if (note) c.note[checkpoint] = note;
    else delete c.note[checkpoint];
  }

  setCellMark(cell, { mark, note }) {
    if (mark || note) this.board.cells.mark[cell] = { mark, note };
    else delete this.board.cells.mark[cell];
  }

  text(name, number) {
    return this.called(name, this.axes.get(name).texts[number]);
  }

  /** A value as a person reads it: a run by its title, a prompt as it was rendered. */
  called(name, text) {
    if (name === "run") return this.#run(text);
    return name === "prompt" ? this.board.prompts[text] ?? text : text;
  }

  #run(name) {
    return this.board.run_labels[this.board.runs.indexOf(name)] ?? name;
  }

  rowTexts(row) {
    return this.table.rows.map((name, place) => [name, this.text(name, this.table.row_keys[row][place])]);
  }

  columnTexts(column) {
    return this.table.columns.map((name, place) => [name, this.text(name, this.table.column_keys[column][place])]);
  }

  /** What tells the cell at a place from the others, as [axis, text]. */
  texts(row, column) {
    return [...this.rowTexts(row), ...this.columnTexts(column)];
  }
}

export const shortly = (texts) => texts.map(([name, text]) => (name === "run" || name === "prompt" ? text : `${axisName(name)} ${text}`)).join(" · ");
