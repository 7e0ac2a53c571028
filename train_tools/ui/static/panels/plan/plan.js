// The Plan panel: what is set on the left, what it means on the right.

import * as api from "../../kit/api.js";
import { h } from "../../kit/dom.js";
import { labelOf } from "../../kit/names.js";
import { poll } from "../../kit/poll.js";
import { t } from "../../kit/texts.js";
import { attempt, toast } from "../../kit/toast.js";
import { Form } from "./form.js";
import { showImports } from "./imports.js";
import { openPresets } from "./presets.js";
import { notes } from "./notes.js";
import { pictures } from "./pictures.js";
import { Store } from "./store.js";
import { Summary } from "./summary.js";

const LOOK_MS = 4000;
const SHARE = 20; // a large plan is made anew only so much more seldom than it takes

export default {
  mount(root, context) {
    const store = new Store(context.base);
    const panel = { form: null, summary: null, pictures: null, watch: null };
    attempt(async () => {
      const [{ fields, asking }] = await Promise.all([api.get("api/arguments"), store.load()]);
      if (store.ended) return;
      if (asking) toast(t("plan.asking"));
      panel.form = new Form(store, fields);
      panel.summary = new Summary(store, context.go);
      panel.pictures = pictures(store);
      root.append(draw(store, panel));
      panel.watch = poll(() => look(store), LOOK_MS);
    });
    const leave = () => document.hidden && attempt(() => store.save());
    document.addEventListener("visibilitychange", leave); // also when the tab is closed
    return {
      unmount() {
        document.removeEventListener("visibilitychange", leave);
        store.end();
        panel.watch?.end();
        panel.summary?.end();
        panel.pictures?.end();
      },
    };
  },
};

function draw(store, { form, summary, pictures: cards }) {
  const tools = h("div", { class: "row plan-tools" },
    h("h1", null, t("page.plan")), savedMark(store), h("span", { class: "space" }),
    h("button", { onclick: () => openPresets(store) }, t("plan.presets")),
    h("button", { "aria-haspopup": "menu", onclick: (event) => showImports(store, event.currentTarget) }, t("plan.take_over")));
  return h("div", { class: "columns plan-columns" }, h("div", { class: "plan-form" }, tools, notes(store), form.node, cards.node), summary.node, summary.strip);
}

/** Whether what was typed has been kept. */
function savedMark(store) {
  const node = h("span", { class: "muted small saved", role: "status" });
  const show = () => {
    const wrong = Object.keys(store.errors).length + Object.keys(store.conflicts).length;
    const waits = Object.keys(store.typed).length > wrong;
    node.textContent = store.trouble ? t("plan.not_saved", { why: store.trouble }) : waits ? t("plan.saving") : wrong ? t("plan.some_not_saved") : t("plan.saved");
  };
  for (const name of ["saving", "errors", "conflicts"]) store.addEventListener(name, show);
  show();
  return node;
}

/** What another window has saved comes in here; trainings that end change the plan, too. */
async function look(store) {
  const came = await store.look();
  if (came.length) toast(t("plan.came", { names: came.map(labelOf).join(", ") }));
  const { queued = 0, running = 0 } = store.plan?.states ?? {};
  if ((queued || running) && !store.planning && store.planAge > SHARE * store.planTook) await store.makePlan();
}
