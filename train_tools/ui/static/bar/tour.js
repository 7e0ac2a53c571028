// A minute's walk over the real page: what each part is for. It can be left at any time and started again.

import { fill, h, icon } from "../kit/dom.js";
import { number } from "../kit/format.js";
import { open } from "../kit/layers.js";
import * as place from "../kit/place.js";
import { t } from "../kit/texts.js";

const KEY = "train-tools.tour";
const ROOM = 8; // pixels around what is shown
const WAIT_MS = 3000; // until a panel must have drawn what is pointed at
const FOLLOW_MS = 250;

// What is pointed at, the first that is there; panels are gone to where there is a version.
const STEPS = [
  { name: "project", targets: [".welcome .field", "#bar-version"], isThere: true },
  { name: "data", panel: "data", targets: ["#panel-data .images", "#tab-data"] },
  { name: "captions", panel: "captions", targets: ["#panel-captions .caption-head", "#panel-captions .empty", "#tab-captions"] },
  { name: "plan", panel: "plan", targets: ["#panel-plan .plan-aside .card", "#tab-plan"] },
  { name: "queue", panel: "queue", targets: ["#panel-queue .queue-head", "#tab-queue"] },
  { name: "compare", panel: "compare", targets: ["#panel-compare .compare-head", "#tab-compare"] },
  { name: "tools", panel: "tools", targets: ["#tab-tools"] },
];

/** Whether somebody has taken or left the tour in this browser. */
export const isKnown = () => localStorage.getItem(KEY) === "done";

export function startTour(bar) {
  document.querySelector("dialog.tour")?.close();
  const from = place.read();
  const focused = document.activeElement;
  const hasVersion = bar.projects().some((p) => p.name === from.project && p.versions.some((v) => v.name === from.version));
  const hole = h("div", { class: "tour-hole" });
  const told = h("div", { "aria-live": "polite" });
  const buttons = h("div", { class: "row tour-buttons" });
  const card = h("div", { class: "tour-card" }, told, buttons);
  const node = h("dialog", { class: "tour", "aria-label": t("tour.title"), onclose: () => leave(), onkeydown: key }, hole, card);
  let at = 0;
  let target = null;
  let turn = 0;

  function leave() {
    clearInterval(following);
    turn++;
    localStorage.setItem(KEY, "done");
    if (hasVersion) place.go({ project: from.project, version: from.version, panel: from.panel || "data" });
    if (focused?.isConnected) focused.focus();
  }

  async function show(next) {
    at = next;
    const mine = ++turn;
    const step = STEPS[at];
    fill(told, h("h2", null, t(`tour.${step.name}`)), h("p", null, t(`tour.${step.name}_text`)));
    const isLast = at === STEPS.length - 1;
    const forward = h("button", { class: "primary", onclick: () => (isLast ? node.close() : show(at + 1)) }, isLast ? t("tour.done") : t("tour.next"));
    fill(buttons, h("span", { class: "muted small" }, `${number(at + 1)} / ${number(STEPS.length)}`), h("span", { class: "space" }),
      isLast ? null : h("button", { class: "quiet", onclick: () => node.close() }, t("tour.leave")),
      at ? h("button", { "aria-label": t("tour.back"), title: t("tour.back"), onclick: () => show(at - 1) }, icon("left")) : null, forward);
    forward.focus();
    if (hasVersion && step.panel) place.go({ panel: step.panel }, { replace: true });
    const found = await there(step, () => mine === turn);
    if (mine !== turn) return;
    target = found;
    target?.scrollIntoView({ block: "nearest" });
    follow();
  }

  function key(event) {
    const by = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!by || !STEPS[at + by]) return;
    event.preventDefault();
    show(at + by);
  }

  /** The page may move under the light. */
  function follow() {
    const box = target?.isConnected ? target.getBoundingClientRect() : { left: innerWidth / 2, top: innerHeight / 3, right: innerWidth / 2, bottom: innerHeight / 3 };
    const left = Math.max(0, box.left - ROOM);
    const top = Math.max(0, box.top - ROOM);
    const right = Math.min(innerWidth, box.right + ROOM);
    const bottom = Math.min(innerHeight, box.bottom + ROOM);
    Object.assign(hole.style, { left: `${left}px`, top: `${top}px`, width: `${right - left}px`, height: `${bottom - top}px` });
    const { offsetWidth: wide, offsetHeight: high } = card;
    const below = bottom + ROOM;
    const above = top - ROOM - high;
    const y = below + high < innerHeight ? below : above > 0 ? above : innerHeight - high - ROOM;
    Object.assign(card.style, { left: `${Math.max(ROOM, Math.min(left, innerWidth - wide - ROOM))}px`, top: `${y}px` });
  }

  open(node);
  const following = setInterval(follow, FOLLOW_MS);
  show(0);
}

/** The first target that can be seen; a panel's own are waited for, its tab is always there. Null where none is. */
async function there({ targets, isThere }, isWanted) {
  const seen = (selector) => [...document.querySelectorAll(selector)].find((node) => node.getClientRects().length);
  const own = targets.slice(0, -1);
  const until = performance.now() + WAIT_MS;
  // Without a version no panel is drawn.
  while (!isThere && own.length && isWanted() && performance.now() < until && !document.querySelector(".panel > .welcome")) {
    const found = own.map(seen).find(Boolean);
    if (found) return found;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  return targets.map(seen).find(Boolean) ?? null;
}
