// sd-scripts is wanted and isn't there: installs it from here, as Tools does.

import * as api from "../../kit/api.js";
import { fill, h, icon } from "../../kit/dom.js";
import { bytes } from "../../kit/format.js";
import { finished } from "../../kit/task.js";
import { t } from "../../kit/texts.js";
import { attempt, toast } from "../../kit/toast.js";

let work = null; // the installation that this page has begun; a plan that is drawn anew shows it, too

/** A note with what it takes and a button. */
export function sdScripts(store) {
  const said = h("p", { class: "small said", role: "status" });
  const act = h("div", { class: "row" });
  const node = h("div", { class: "note", dataset: { id: "sd-scripts" } }, icon("download"), h("div", null, h("div", null, t("plan.sd_scripts_text")), said, act));
  if (work) watch(store, said);
  else attempt(async () => offer(store, await api.get("api/tools/environment"), said, act));
  return node;
}

function offer(store, found, said, act) {
  if (!found.can_change) return fill(said, t(found.is_taken ? "plan.sd_scripts_taken" : "plan.sd_scripts_others"));
  const button = h("button", { class: "primary", onclick: () => {
    fill(act);
    work = { text: t("tools.working"), ended: start() };
    watch(store, said);
  } }, icon("download"), t("plan.install_sd_scripts", { size: bytes(found.sd_scripts_bytes) }));
  return fill(act, button);
}

const start = async () => finished(await api.post("api/tools/environment/sd-scripts"), { progress: ({ name }) => (work.text = name || work.text) });

/** Shows how far it is, and makes the plan anew when it is there. */
async function watch(store, said) {
  const mine = work;
  const show = setInterval(() => fill(said, mine.text), 300);
  fill(said, mine.text);
  try {
    const made = await attempt(() => mine.ended);
    if (made && work === mine) toast(t("plan.sd_scripts_there"));
  } finally {
    clearInterval(show);
    if (work === mine) {
      work = null;
      if (!store.ended) await store.makePlan();
    }
  }
}
