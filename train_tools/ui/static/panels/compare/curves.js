// Loss and learning rate of chosen runs over their steps.

import * as api from "../../kit/api.js";
import { fill, h, icon } from "../../kit/dom.js";
import { titled } from "../../kit/names.js";
import { language, t } from "../../kit/texts.js";
import { poll } from "../../kit/poll.js";
import { attempt, toast } from "../../kit/toast.js";
import { settle } from "../../kit/wait.js";
import { Chart } from "./chart.js";
import { save } from "./downloads.js";
import { legend } from "./legend.js";

const AT_FIRST = 8;
const EVERY = 5000;
const TRIES = 40; // half seconds until TensorBoard must have answered

export function mount(root, shared) {
  // Looked at closely, a curve has more points than all of it on the screen.
  const chart = new Chart(t("compare.view_curves"), { onzoom: () => reload() });
  const tools = h("div", { class: "row compare-tools" });
  const note = h("p", { class: "note" });
  const runs = h("div", { class: "compare-legend" });
  const none = h("div", { class: "empty" }, h("p", null, t("compare.no_curves")));
  fill(root, h("div", { class: "compare-scrolling" }, tools, chart.node, runs, note, none));
  let answer = { runs: [], known: [], labels: [] };
  let extent = null;
  let what = "loss";
  let log = false;
  let smoothing = 0.9;
  const hidden = new Set();
  let chosen = null;

  async function load() {
    if (!chosen) {
      const { known } = await api.get(`${shared.at}curves`);
      chosen = known.slice(0, AT_FIRST);
      known.slice(AT_FIRST).forEach((run) => hidden.add(run));
    }
    const part = chart.shown;
    const query = new URLSearchParams([["smoothing", smoothing], ...(part ? [["from", part[0]], ["to", part[1]]] : []), ...chosen.map((run) => ["run", run])]);
    const found = await api.get(`${shared.at}curves?${query}`);
    if (part !== chart.shown) return; // another part is asked for meanwhile
    answer = found;
    if (!part) extent = null;
    else extent ??= chart.all;
    draw();
  }

  const reload = settle(() => attempt(load), 120);

  function draw() {
    const measured = answer.runs.some((one) => one.validation.length);
    if (!measured && what === "validation") what = "loss";
    fill(tools,
      ["loss", "learning_rate", ...(measured ? ["validation"] : [])].map((name) => h("button", { "aria-pressed": String(what === name), onclick: () => ((what = name), draw()) }, t(`compare.curve_${name}`))),
      h("button", { "aria-pressed": String(log), onclick: () => ((log = !log), draw()) }, t("compare.log")),
      h("label", { class: "row tight" }, h("span", { class: "muted small" }, t("compare.smoothing")), h("input", { type: "range", min: "0", max: "0.99", step: "0.01", value: String(smoothing), disabled: what !== "loss", oninput: (event) => ((smoothing = Number(event.target.value)), reload()) })),
      h("span", { class: "space" }),
      h("button", { disabled: !answer.runs.length, title: t("compare.csv_help"), onclick: () => save(`${shared.at}curves.csv?${new URLSearchParams([["smoothing", smoothing], ...chosen.map((run) => ["run", run])])}`) }, icon("download"), "CSV"),
      h("button", { onclick: tensorboard }, icon("chart"), "TensorBoard"));
    fill(note, icon("info"), h("span", null, answer.note?.[language === "zh" ? 1 : 0] ?? ""));
    none.hidden = answer.known.length > 0;
    chart.node.hidden = runs.hidden = note.hidden = !answer.known.length;
    const called = new Map(answer.known.map((run, place) => [run, titled(answer.labels[place])]));
    const labels = (run) => called.get(run) ?? run;
    const lines = answer.runs.map((one) => ({ run: one.run, name: labels(one.run), x: what === "validation" ? one.validation_steps : one.steps, y: { loss: one.smooth, learning_rate: one.learning_rate, validation: one.validation }[what], faint: what === "loss" && smoothing > 0 ? one.loss : null }));
    chart.update(lines, { log, extent, xName: t("compare.axis_step"), yName: t(`compare.curve_${what}`) });
    fill(runs, legend(answer.known.map((run) => ({ run, name: labels(run) })), hidden, () => {
      chosen = answer.known.filter((run) => !hidden.has(run));
      reload();
    }));
  }

  async function tensorboard() {
    const window_ = open("about:blank", "_blank"); // a browser lets a page open one while somebody clicks, not later
    let found = await attempt(() => api.post(`${shared.at}tensorboard`));
    for (let n = 0; found && !found.answers && n < TRIES; n++) {
      await new Promise((resolve) => setTimeout(resolve, 500));
      found = await attempt(() => api.post(`${shared.at}tensorboard`));
    }
    if (found?.answers && window_) window_.location = found.url;
    else {
      window_?.close();
      if (found) toast(t("compare.tensorboard_slow", { url: found.url }), { kind: "error" });
    }
  }

  const watching = poll(load, EVERY);
  return {
    unmount() {
      watching.end();
      reload.cancel();
      chart.end();
    },
  };
}
