// One picture large, or two: beside each other, with a slider, blinking, or their difference.

import * as api from "../../kit/api.js";
import { fill, h, icon } from "../../kit/dom.js";
import { short } from "../../kit/format.js";
import { open } from "../../kit/layers.js";
import { settle } from "../../kit/wait.js";
import { t } from "../../kit/texts.js";
import { attempt } from "../../kit/toast.js";
import { advise } from "./advice.js";
import { keep } from "./keep.js";
import { axisName, shortly } from "./model.js";
import { Zoom } from "./zoom.js";

const MODES = ["single", "side", "slider", "blink", "difference"];
const BLINK_MS = 600;
const WHERE_TOLD = ["guidance", "shift", "rescale"]; // of a picture only where its base model is told it

/** Opens the picture at a place of the table. `pinned` ({key, label}) is the one it is compared with, kept by the caller. */
export function view(shared, { row, column, pinned, onmove, onclose }) {
  let mode = pinned.key ? "slider" : "single";
  let blinking = 0;
  let share = 50;
  const stage = h("div", { class: "compare-pictures" });
  const zoom = new Zoom(stage);
  const info = h("div", { class: "compare-info" });
  const tools = h("div", { class: "row tight compare-viewer-tools" });
  const node = h("dialog", { class: "compare-viewer", tabindex: "-1", "aria-label": t("compare.viewer"), onclose: close, onkeydown: key }, h("div", { class: "compare-stage" }, tools, stage), info);
  const before = shared.onmark;
  shared.onmark = () => (before?.(), drawInfo());

  const cell = () => shared.model.at(row, column);
  const key_ = () => shared.model.key(cell());
  const label = () => shortly(shared.model.texts(row, column));

  function close() {
    clearInterval(blinking);
    shared.onmark = before;
    onclose();
  }

  function move(rows, columns) {
    let [r, c] = [row, column];
    do {
      r += rows;
      c += columns;
      if (r < 0 || c < 0 || r >= shared.model.rows || c >= shared.model.columns) return;
    } while (shared.model.at(r, c) < 0);
    [row, column] = [r, c];
    onmove(row, column);
    draw();
  }

  function pin() {
    Object.assign(pinned, pinned.key === key_() ? { key: "", label: "" } : { key: key_(), label: label() });
    setMode(pinned.key ? (mode === "single" ? "slider" : mode) : "single");
  }

  function setMode(name) {
    mode = name;
    draw();
  }

  function key(event) {
    if (["INPUT", "TEXTAREA", "SELECT"].includes(event.target.tagName) || event.ctrlKey || event.metaKey || event.altKey) return;
    const moves = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] };
    const checkpoint = shared.model.checkpoint(shared.model.owner(cell()));
    const acts = {
      a: pin,
      ...(shared.model.isBare(cell()) ? {} : ofCheckpoint(checkpoint)),
      "+": () => zoom.by(1.5),
      "-": () => zoom.by(1 / 1.5),
      0: () => zoom.reset(),
    };
    const place = Number(event.key) - 1;
    if (moves[event.key]) move(...moves[event.key]);
    else if (acts[event.key]) acts[event.key]();
    else if (MODES[place] && (place === 0 || pinned.key)) setMode(MODES[place]);
    else return;
    event.preventDefault();
  }

  /** Keys that say something of the checkpoint, which a picture without LoRA doesn't show. */
  const ofCheckpoint = (checkpoint) => ({
    s: () => shared.mark(checkpoint, { mark: checkpoint.mark === "star" ? "" : "star" }),
    x: () => shared.mark(checkpoint, { mark: checkpoint.mark === "reject" ? "" : "reject" }),
    k: () => keep(shared, cell()),
  });

  function draw() {
    clearInterval(blinking);
    drawTools();
    drawStage();
    drawInfo();
    // The button that was pressed is gone, and the keys must go on working.
    if (node.open && !node.contains(document.activeElement)) node.focus();
  }

  function drawTools() {
    fill(tools,
      h("button", { "aria-pressed": String(pinned.key === key_()), title: t("compare.pin_help"), onclick: pin }, t("compare.pin"), " (A)"),
      MODES.map((name, place) => h("button", { "aria-pressed": String(mode === name), disabled: name !== "single" && !pinned.key, onclick: () => setMode(name) }, `${place + 1} `, t(`compare.mode_${name}`))),
      h("span", { class: "space" }),
      h("button", { class: "quiet", "aria-label": t("kit.close"), onclick: () => node.close() }, icon("close")));
  }

  /** A frame with a picture in it that may be larger than the frame; the thumbnail shows until the picture is there. */
  function layer(kind, of, alt) {
    const image = h("img", { src: shared.picture(of), alt, draggable: "false", style: { backgroundImage: `url("${shared.thumb(of)}")` } });
    return h("div", { class: `layer ${kind}` }, h("div", { class: "zoomed" }, image));
  }

  function drawStage() {
    const here = layer("b", key_(), label());
    const error = shared.model.error(cell());
    if (error) fill(stage, h("p", { class: "problem" }, error));
    else if (mode === "single" || !pinned.key) fill(stage, figure(here));
    else {
      const there = layer("a", pinned.key, pinned.label);
      if (mode === "side") fill(stage, figure(there, `A · ${pinned.label}`), figure(here, `B · ${label()}`));
      else fill(stage, h("figure", { class: `over ${mode}` }, there, here, mode === "slider" ? slider(here) : null), caption());
      if (mode === "blink") blinking = setInterval(() => here.classList.toggle("gone"), BLINK_MS);
    }
    zoom.apply();
  }

  const caption = () => h("p", { class: "small muted compare-captions" }, h("span", null, `A · ${pinned.label}`), h("span", null, `B · ${label()}`));
  const figure = (one, text) => h("figure", null, one, text ? h("figcaption", { class: "small muted" }, text) : null);

  /** Left of it A shows, right of it B. */
  function slider(over) {
    const set = () => (over.style.clipPath = `inset(0 0 0 ${share}%)`);
    const line = h("span", { class: "line", style: { left: `${share}%` } });
    const input = h("input", { type: "range", min: "0", max: "100", step: "0.5", value: String(share), "aria-label": t("compare.mode_slider"), oninput: () => {
      share = Number(input.value);
      line.style.left = `${share}%`;
      set();
    } });
    set();
    return [line, input];
  }

  function drawInfo() {
    const checkpoint = shared.model.checkpoint(shared.model.owner(cell()));
    const toggle = (mark, name) => h("button", { "aria-pressed": String(checkpoint.mark === mark), onclick: () => shared.mark(checkpoint, { mark: checkpoint.mark === mark ? "" : mark }) }, icon(name), t(`compare.mark_${mark}`));
    const note = h("textarea", { value: checkpoint.note, placeholder: t("compare.note"), "aria-label": t("compare.note"), maxlength: "4000" });
    const save = settle(() => note.value !== checkpoint.note && shared.mark(checkpoint, { note: note.value }), 700);
    note.addEventListener("input", save);
    if (info.contains(document.activeElement) && document.activeElement.tagName === "TEXTAREA" && info.dataset.checkpoint === String(checkpoint.number)) return; // somebody is writing
    info.dataset.checkpoint = checkpoint.number;
    const file = `trains/${checkpoint.runName}/${checkpoint.file}`;
    const picture = h("a", { class: "button", href: `${shared.picture(key_())}?save=1`, download: "" }, icon("image"), t("compare.download_picture"));
    const facts = h("dl", { class: "compare-facts" }, shared.model.texts(row, column).map(([name, text]) => [h("dt", null, axisName(name)), h("dd", null, text)]));
    if (shared.model.isBare(cell())) {
      info.dataset.checkpoint = "";
      fill(info, h("h2", null, t("compare.bare_title")), h("p", { class: "note" }, icon("info"), h("span", null, t("compare.bare"))), facts, details(), h("div", { class: "compare-stack" }, picture));
      return;
    }
    fill(info,
      h("h2", null, checkpoint.runLabel),
      h("p", { class: "small muted mono compare-wrap" }, checkpoint.file),
      shared.model.published[checkpoint.number]?.map((name) => h("p", { class: "chip good" }, icon("check"), t("compare.kept_as", { name }))),
      h("div", { class: "row tight" }, toggle("star", "star"), toggle("reject", "close")),
      note,
      scoresOf(shared.model, checkpoint),
      facts,
      details(),
      h("div", { class: "compare-stack" },
        h("button", { class: "primary", onclick: () => keep(shared, cell()) }, icon("check"), t("compare.keep")),
        hasParts(shared.model) ? h("button", { onclick: () => best() }, icon("star"), t("compare.best")) : null,
        h("a", { class: "button", href: api.versionPath(shared.context.project, shared.context.version, file, "files"), download: checkpoint.file }, icon("download"), t("compare.download_lora")),
        picture));
  }

  async function best() {
    await shared.markCell(cell(), { mark: "star" });
    await advise(shared, cell());
  }

  /** What the table doesn't say, asked for when it is looked at. */
  function details() {
    const holder = h("dl", { class: "compare-facts more" });
    const of = key_();
    attempt(() => api.get(`${shared.at}cell/${encodeURIComponent(of)}`)).then((found) => {
      if (!found || of !== key_()) return;
      const told = ["text", "negative_prompt", "seed", "sampler", "scheduler", "steps", "cfg_scale", ...WHERE_TOLD, "size", "base_model", "vae", "host", "because"]
        .filter((name) => found[name] !== "" && found[name] != null && (found[name] || !WHERE_TOLD.includes(name)));
      fill(holder, told.map((name) => [h("dt", null, name === "text" ? t("compare.axis_prompt") : axisName(name)), h("dd", null, String(found[name]))]));
      if ((found.weight_unet || found.weight_te) && !shared.model.published[shared.model.owner(cell())]) holder.after(h("p", { class: "small muted" }, t("compare.not_kept")));
    });
    return holder;
  }

  draw();
  open(node);
  node.focus();
}

/** Whether there is a grid of weights of parts or blocks to read something off. */
export const hasParts = (model) => ["weight_unet", "weight_te", "block_weights"].some((name) => model.axes.has(name));

function scoresOf(model, checkpoint) {
  const newest = model.scores[0];
  const rows = Object.entries(newest?.measures || {}).filter(([, column]) => column[checkpoint.number]);
  if (!rows.length) return null;
  return h("dl", { class: "compare-facts", title: newest.title[0] }, rows.map(([name, column]) => [h("dt", null, t(`compare.sort_${name}`)), h("dd", null, short(column[checkpoint.number][0]))]));
}
