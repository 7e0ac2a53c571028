// The head of a lane: whether it works, and what holds for all of it.

import * as api from "../../kit/api.js";
import { confirm, dialog } from "../../kit/dialog.js";
import { fill, h, icon } from "../../kit/dom.js";
import { t } from "../../kit/texts.js";
import { attempt } from "../../kit/toast.js";

const KNOWN = new Set(["gpu", "light", "network"]);

export const laneName = (name) => (KNOWN.has(name) ? t(`queue.lane_${name}`) : name);

/** { node, update(lane, isAlone, hasWork) } */
export function laneHead(lane, panel) {
  let now = lane;
  const flag = (name, on) => attempt(async () => {
    await api.post("api/queue/lane", { lane: now.name, flag: name, on });
  }).then(() => panel.refresh());
  const name = h("strong");
  const worker = h("span");
  const pause = h("button", { onclick: () => flag("paused", !stands(now)) });
  const stop = toggle(t("queue.stop_after"), t("queue.stop_after_help"), (on) => flag("stop after", on));
  const shut = toggle(t("queue.shut_down"), t("queue.shut_down_help"), async (on) => {
    if (!on || (await confirm(t("queue.shut_down"), t("queue.shut_down_text"),
      t("queue.shut_down_yes")))) await flag("shut down when done", on);
    else shut.input.checked = false;
  });
  const node = h("div", { class: "card lane", dataset: { lane: lane.name } }, h("div", { class: "row lane-state" }, name, worker),
    h("span", { class: "space" }), ...(lane.name === "light" ? [] : [stop.node, shut.node]), pause);
  const update = (lane, isAlone) => {
    now = lane;
    name.hidden = isAlone;
    name.textContent = laneName(lane.name);
    fill(worker, workerOf(lane, panel));
    fill(pause, icon(stands(lane) ? "play" : "pause"), stands(lane) ? t("queue.resume_all") : t("queue.pause_all"));
    pause.classList.toggle("primary", stands(lane));
    stop.input.checked = lane.stop_after;
    shut.input.checked = lane.shut_down;
  };
  return { node, update };
}

/** Whether a person paused it, or the webui for its pictures. */
const stands = (lane) => lane.paused || lane.draws;

function toggle(label, help, change) {
  const input = h("input", { type: "checkbox", role: "switch", onchange: () => change(input.checked) });
  return { input, node: h("label", { class: "row tight lane-switch", title: help }, input, label) };
}

/** Plainly whether somebody works. */
function workerOf(lane) {
  const log = h("button", { class: "link", onclick: () => showLog(lane.name) }, t("queue.worker_log"));
  if (lane.paused) return h("span", { class: "chip warn" }, lane.has_worker ? t("queue.pausing") : t("queue.lane_paused"));
  if (lane.draws) return h("span", { class: "chip warn", title: t("queue.draws_help") }, t("queue.draws"));
  if (lane.has_worker) return h("span", { class: "chip good" }, t("queue.worker_alive"));
  if (lane.has_work) return [h("span", { class: "chip bad" }, t("queue.worker_dead")), " ", log];
  return h("span", { class: "chip" }, t("queue.worker_idle"));
}

async function showLog(lane) {
  const answer = await attempt(() => api.get("api/queue/worker-log", { lane }));
  if (!answer) return;
  await dialog({ title: t("queue.worker_log"), body: [h("pre", { class: "log", tabindex: "0" }, answer.text || t("queue.log_empty"))],
    buttons: [[t("kit.close"), null]], wide: true });
}
