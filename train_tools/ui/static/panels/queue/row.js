// One entry of the queue.

import { fill, h, icon } from "../../kit/dom.js";
import { menu } from "../../kit/dialog.js";
import { bytes, duration, number, short, when } from "../../kit/format.js";
import { labelOf } from "../../kit/names.js";
import { t } from "../../kit/texts.js";
import { menuOf } from "./actions.js";

export const TONES = { running: "accent", finished: "good", failed: "bad", interrupted: "warn", paused: "warn" };

/** `lead` stands before it: a handle, or the colour of its line. */
export function row(entry, panel, { lead = null } = {}) {
  let now = entry;
  const title = h("button", { class: "link title", onclick: () => panel.open(now.id) });
  const where = h("div", { class: "small muted where" });
  const state = h("div", { class: "state" });
  const progress = h("div", { class: "advance" });
  const figures = h("div", { class: "figures small muted" });
  const problem = h("p", { class: "problem reason" });
  const more = h("button", { class: "quiet", "aria-haspopup": "menu", "aria-expanded": "false",
    onclick: () => menu(more, menuOf(now, panel)) }, icon("more"));
  const pick = h("input", { type: "checkbox", class: "pick", title: t("queue.choose") });
  const node = h("li", { class: "entry", dataset: { id: entry.id } },
    h("span", { class: "lead" }, pick, lead), h("div", { class: "what" }, title, where), progress, figures, state, more, problem);
  const update = (entry) => {
    now = entry;
    node.dataset.state = entry.state;
    if (title.textContent !== nameOf(entry)) title.textContent = nameOf(entry);
    title.title = entry.name;
    fill(where, whereOf(entry));
    fill(state, h("span", { class: `chip ${TONES[entry.state] || ""}` }, stateOf(entry)));
    fill(progress, progressOf(entry));
    fill(figures, figuresOf(entry));
    fill(problem, entry.state === "failed" && entry.error ? [h("button", { class: "link", onclick: () => panel.open(now.id) },
      t("queue.what_helps")), " ", entry.error] : null);
    pick.setAttribute("aria-label", t("queue.choose_one", { name: nameOf(entry) }));
    more.setAttribute("aria-label", t("queue.actions_of", { name: nameOf(entry) }));
  };
  update(entry);
  return { node, update };
}

/** What tells it from the others of its batch, else its name. */
export const nameOf = (entry) => entry.differs.map(([name, value]) => `${labelOf(name)} ${value}`).join(" · ") || (entry.kind === "train" ? entry.name : kindOf(entry));

export const kindOf = (entry) => t(`queue.kind_${KINDS.has(entry.kind) ? entry.kind : "other"}`);
const KINDS = new Set(["train", "caption", "preview", "score", "intake", "process", "restore", "regularise", "demo", "download"]);

export const whereOf = (entry) => [`${entry.project} / ${entry.version}`, kindOf(entry), `#${entry.id}`].join(" · ");

export const stateOf = (entry) => t(`queue.is_${entry.standing}`, { time: entry.not_before ? when(entry.not_before) : "" });

function progressOf(entry) {
  if (!entry.steps || (entry.state !== "running" && !entry.step)) return null;
  const share = Math.min(1, entry.step / entry.steps);
  const unit = entry.kind === "download" ? bytes : number;
  const counted = { n: unit(entry.step), of: unit(entry.steps) };
  const steps = entry.kind === "train" ? t("queue.steps", counted) : t("queue.items", counted);
  const epochs = entry.epochs && entry.state === "running" ? ` · ${t("queue.epochs", { n: entry.epoch, of: entry.epochs })}` : "";
  if (entry.state === "finished") return h("span", { class: "small muted" }, steps);
  return [
    h("div", { class: "progress", role: "progressbar", "aria-label": steps, "aria-valuemin": "0", "aria-valuemax": "100",
      "aria-valuenow": String(Math.round(share * 100)) }, h("div", { style: { width: `${share * 100}%` } })),
    h("span", { class: "small muted" }, steps + epochs),
  ];
}

function figuresOf(entry) {
  const said = [];
  const isStarting = entry.standing === "running" && !entry.step && !entry.stage;
  if (entry.together) said.push(t("queue.in_pack", { n: number(entry.together.pack), of: number(entry.together.packs), k: number(entry.together.runs - 1) }));
  if (entry.gpus) said.push(t("queue.gpus", { n: entry.gpus }));
  if (isStarting) said.push(t("queue.stage_other"));
  if (entry.stage) said.push(t(`queue.stage_${STAGES.has(entry.stage) ? entry.stage : "other"}`));
  if (entry.text) said.push(entry.text);
  if (entry.loss !== undefined) said.push(t("queue.loss", { n: short(entry.loss) }));
  if (entry.left !== undefined) said.push(t("queue.left", { time: duration(entry.left) }));
  if (entry.ended) said.push(when(entry.ended));
  if (entry.started && entry.ended > entry.started) said.push(duration(entry.ended - entry.started));
  if (entry.attempt > 1) said.push(t("queue.attempt", { n: entry.attempt }));
  return said.map((text) => h("span", { title: text }, text));
}
export const STAGES = new Set(["loading", "caching", "training"]);
