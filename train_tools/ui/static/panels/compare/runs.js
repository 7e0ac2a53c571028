// The runs of the version: what each is, how two differ, and what is done with them: on, anew, away.

import * as api from "../../kit/api.js";
import { fill, h, icon } from "../../kit/dom.js";
import { bytes, number, short, when } from "../../kit/format.js";
import { titled } from "../../kit/names.js";
import { t } from "../../kit/texts.js";
import { poll } from "../../kit/poll.js";
import { attempt } from "../../kit/toast.js";
import { askForMore } from "../queue/more.js";
import { showDifference } from "./diff.js";
import { planAnew } from "./duplicate.js";
import { downloadRun } from "./downloads.js";

const EVERY = 5000;
const KINDS = { finished: "good", failed: "bad", running: "accent", queued: "accent", interrupted: "warn", paused: "warn" };

export function mount(root, shared) {
  const tools = h("div", { class: "row compare-tools" });
  const body = h("tbody");
  const all = h("input", { type: "checkbox", "aria-label": t("compare.choose_all"), onchange: () => choose(runs.map((run) => run.name), all.checked) });
  const table = h("table", { class: "compare-runs" }, h("thead", null, h("tr", null, h("th", null, all), ["run", "state", "steps_done", "loss", "checkpoints", "pictures", "started"].map((name) => h("th", { scope: "col" }, t(`compare.runs_${name}`))))), body);
  const none = h("div", { class: "empty", hidden: true }, h("p", null, t("compare.empty_train")));
  fill(root, h("div", { class: "compare-scrolling" }, tools, h("div", { class: "scroll" }, table), none));
  const chosen = new Set();
  let runs = [];
  let text = "";

  async function load() {
    const found = await api.get(`${shared.at}runs`);
    if (JSON.stringify(found) === text) return;
    text = JSON.stringify(found);
    runs = found.map((run) => ({ ...run, label: titled(run.label) }));
    for (const name of chosen) if (!runs.some((run) => run.name === name)) chosen.delete(name);
    draw();
  }

  function choose(names, on) {
    for (const name of names) on ? chosen.add(name) : chosen.delete(name);
    draw();
  }

  function draw() {
    table.hidden = !runs.length;
    none.hidden = runs.length > 0;
    all.checked = runs.length > 0 && chosen.size === runs.length;
    all.indeterminate = chosen.size > 0 && chosen.size < runs.length;
    const focused = body.contains(document.activeElement) ? document.activeElement.value : "";
    fill(body, runs.map(row));
    if (focused) body.querySelector(`input[value="${CSS.escape(focused)}"]`)?.focus();
    drawTools();
  }

  function row(run) {
    const box = h("input", { type: "checkbox", value: run.name, checked: chosen.has(run.name), "aria-label": t("compare.choose_run", { name: run.label }), onchange: () => choose([run.name], box.checked) });
    const state = run.state === "unrecorded" ? "–" : h("span", { class: `chip ${KINDS[run.state] ?? ""}`, title: run.error ?? "" }, t(`plan.state_${run.state}`));
    return h("tr", { class: chosen.has(run.name) ? "chosen" : "" },
      h("td", null, box),
      h("th", { scope: "row", title: run.name }, run.label, run.stars ? h("span", { class: "compare-stars" }, " ", icon("star", t("compare.starred")), run.stars > 1 ? number(run.stars) : "") : null),
      h("td", null, state),
      h("td", null, run.steps ? t("compare.steps_of", { n: number(run.step), of: number(run.steps) }) : "–"),
      h("td", null, short(run.loss)),
      h("td", null, run.checkpoints ? `${number(run.checkpoints)} · ${bytes(run.bytes)}` : "–"),
      h("td", null, run.pictures ? number(run.pictures) : "–"),
      h("td", null, run.started ? when(run.started) : "–"));
  }

  function drawTools() {
    const picked = runs.filter((run) => chosen.has(run.name));
    const names = picked.map((run) => run.name);
    const known = picked.every((run) => run.has_settings);
    const act = (label, name, enabled, work, help) => h("button", { disabled: !enabled, title: help, onclick: () => attempt(work) }, icon(name), label);
    fill(tools,
      h("span", { class: "muted small", role: "status" }, picked.length ? t("compare.runs_chosen", { n: number(picked.length), of: number(runs.length) }) : t("compare.runs_choose")),
      act(t("compare.diff"), "chart", picked.length > 1 && known, () => showDifference(shared, names), t("compare.diff_help")),
      act(t("compare.duplicate"), "copy", picked.length > 0 && known, () => planAnew(shared, picked), t("compare.duplicate_help")),
      act(t("queue.go_on"), "play", picked.length > 0 && picked.every((run) => run.state === "finished"), () => askForMore(shared.context.base, names, shared.context.go, labelOf), t("compare.go_on_help")),
      act(t("compare.download_run"), "download", picked.length === 1, () => downloadRun(shared, picked[0]), t("compare.download_run_help")));
  }

  const labelOf = (name) => runs.find((run) => run.name === name)?.label ?? name;
  const watching = poll(load, EVERY);
  return { redraw: load, unmount: () => watching.end() };
}
