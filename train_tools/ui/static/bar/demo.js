// The demo by a button: asked first, watched in a corner whatever panel is shown, and at its end the board.

import * as api from "../kit/api.js";
import { dialog } from "../kit/dialog.js";
import { fill, h, icon } from "../kit/dom.js";
import * as place from "../kit/place.js";
import { poll } from "../kit/poll.js";
import { t } from "../kit/texts.js";
import { attempt } from "../kit/toast.js";

const KEY = "train-tools.demo"; // in this browser it is watched
const EVERY = 1500;

/** Says what it takes; begins it, or shows what there is of it. */
export async function askForDemo(bar) {
  const found = await attempt(() => api.get("api/demo"));
  if (!found) return;
  const isOver = found.state === "done";
  const answer = await dialog({
    title: t("demo.title"),
    body: [h("p", null, t("demo.text")), h("ul", { class: "small" }, [t("demo.time"), t("demo.space"), t("demo.needs")].map((text) => h("li", null, text))),
      isOver ? h("p", { class: "note good" }, icon("check"), h("span", null, t("demo.is_there"))) : null],
    buttons: isOver ? [[t("kit.cancel"), null], [t("demo.again"), "begin"], [t("demo.look"), "look", "primary"]] : [[t("kit.cancel"), null], [t("demo.begin"), "begin", "primary"]],
  });
  if (answer === "look") return look(bar, found);
  if (answer !== "begin" || !(await attempt(() => api.post("api/demo")))) return;
  localStorage.setItem(KEY, "1");
  await bar.goTo(found);
  place.go({ project: found.project, version: found.version, panel: "queue" });
  watchDemo(bar);
}

async function look(bar, { project, version }) {
  await bar.goTo({ project, version });
  place.go({ project, version, panel: "compare" });
}

/** After a reload, too, until it is closed. */
export function watchIfBegun(bar) {
  if (localStorage.getItem(KEY)) watchDemo(bar);
}

function watchDemo(bar) {
  document.querySelector(".demo-card")?.remove();
  const body = h("div");
  const close = () => {
    watching.end();
    node.remove();
    localStorage.removeItem(KEY);
  };
  const node = h("aside", { class: "demo-card card", "aria-label": t("demo.title") }, h("div", { class: "row" }, h("h2", null, t("demo.title")), h("span", { class: "space" }),
    h("button", { class: "quiet", "aria-label": t("demo.close"), title: t("demo.close"), onclick: close }, icon("close"))), body);

  function draw(found) {
    const part = ({ name, state, share }) => h("li", { class: state },
      h("span", { class: "row tight" }, state === "done" ? icon("check", t("demo.part_done")) : null, t(`demo.part_${name}`)),
      state === "running" ? h("div", { class: "progress", role: "progressbar", "aria-label": t(`demo.part_${name}`), "aria-valuemin": "0", "aria-valuemax": "100", "aria-valuenow": String(Math.round(share * 100)) }, h("div", { style: { width: `${share * 100}%` } })) : null);
    const act = {
      running: () => h("button", { onclick: () => attempt(async () => draw(await api.post("api/demo/cancel"))) }, icon("stop"), t("demo.cancel")),
      done: () => h("button", { class: "primary", onclick: () => (close(), attempt(() => look(bar, found))) }, icon("image"), t("demo.look")),
    }[found.state] ?? (() => h("button", { onclick: () => attempt(async () => draw(await api.post("api/demo"))) }, icon("again"), t("demo.on")));
    const state = { failed: () => t("demo.failed", { why: found.error }), cancelled: () => t("demo.cancelled"), none: () => t("demo.cancelled") }[found.state]?.();
    fill(body, h("ol", null, found.parts.map(part)), state ? h("p", { class: "problem" }, state) : null, h("div", { class: "row" }, act()));
  }

  document.body.append(node);
  const watching = poll(async () => draw(await api.get("api/demo", null, { quiet: true })), EVERY);
}
