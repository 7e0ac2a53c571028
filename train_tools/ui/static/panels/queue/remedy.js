// What an error means, what helps, and buttons for what this program does about it by itself.

import * as api from "../../kit/api.js";
import { h } from "../../kit/dom.js";
import { watched } from "../../kit/task.js";
import { t } from "../../kit/texts.js";
import { attempt, toast } from "../../kit/toast.js";
import { act } from "./actions.js";

export function remedyOf(remedy, entry, panel) {
  const buttons = remedy.offers.filter((offer) => fits(offer, entry)).map((offer) => h("button",
    { type: "button", title: `python -m train_tools ${offer.command}`, onclick: (event) => doIt(event.currentTarget, offer, entry, panel) },
    labelOf(offer)));
  return h("div", { class: "remedy" }, h("strong", null, remedy.means), h("div", null, t("queue.do", { what: remedy.do })),
    buttons.length ? h("div", { class: "row tight offers" }, buttons) : null);
}

const fits = ({ kind }, entry) => (kind === "training" ? entry.kind === "train" : kind !== "retry" || entry.state === "failed");

function labelOf({ kind, what }) {
  if (kind === "environment") return t(`queue.offer_${what}`);
  return kind === "retry" ? t("queue.retry") : t("queue.offer_set", { what });
}

function doIt(button, offer, entry, panel) {
  button.disabled = true;
  return attempt(() => WAYS[offer.kind](offer.what, entry, panel)).finally(() => (button.disabled = false));
}

const WAYS = {
  retry: (_what, entry, panel) => act(panel, "retry", [entry.id]),
  async environment(what) {
    if ((await watched(t(`queue.offer_${what}`), await api.post(`api/tools/environment/${what}`), () => "")) !== null) toast(t("queue.offer_done"));
  },
  async program(what) {
    const [name, text] = split(what);
    await api.post("api/tools/program", { name, text });
    toast(t("queue.offer_is_set", { what }));
  },
  /** The version's setting; the entry that failed stays as it was. */
  async training(what, entry) {
    const [name, text] = split(what);
    const path = api.versionPath(entry.project, entry.version, "plan/settings");
    const before = (await api.get(path)).values[name] ?? "";
    const save = async (from, to) => {
      const saved = await api.post(path, { changes: { [name]: to }, seen: { [name]: from } });
      if (saved.errors[name]) throw new api.ApiError(saved.errors[name], 400);
    };
    await save(before, text);
    toast(t("queue.offer_start_again", { what }), { action: [t("queue.offer_undo"), () => attempt(() => save(text, before))] });
  },
};

const split = (what) => [what.slice(0, what.indexOf("=")), what.slice(what.indexOf("=") + 1)];
