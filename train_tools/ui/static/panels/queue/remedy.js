// What an error means, what helps, and buttons for what this program does about it by itself.

import * as api from "../../kit/api.js";
import { fill, h } from "../../kit/dom.js";
import { labelOf, valueOf } from "../../kit/names.js";
import { finished } from "../../kit/task.js";
import { t } from "../../kit/texts.js";
import { attempt } from "../../kit/toast.js";
import { act } from "./actions.js";

export function remedyOf(remedy, entry, panel) {
  const said = h("div", { class: "small", role: "status" }); // a toast would lie behind the dialog
  const buttons = remedy.offers.filter((offer) => fits(offer, entry)).map((offer) => h("button",
    { type: "button", title: `python -m train_tools ${offer.command}`, onclick: (event) => doIt(event.currentTarget, offer, { entry, panel, said }) },
    wordsOf(offer)));
  return h("div", { class: "remedy" }, h("strong", null, remedy.means), h("div", null, t("queue.do", { what: remedy.do })),
    buttons.length ? h("div", { class: "row tight offers" }, buttons) : null, said);
}

const fits = ({ kind }, entry) => (kind === "training" ? entry.kind === "train" : kind !== "retry" || entry.state === "failed");

function wordsOf({ kind, what }) {
  if (kind === "environment") return t(`queue.offer_${what}`);
  return kind === "retry" ? t("queue.retry") : t("queue.offer_set", { what: assigned(what) });
}

function doIt(button, { kind, what }, where) {
  button.disabled = true;
  fill(where.said);
  return attempt(() => WAYS[kind](what, where)).finally(() => (button.disabled = false));
}

const WAYS = {
  retry: (_what, { entry, panel }) => act(panel, "retry", [entry.id]),
  async environment(what, { said }) {
    const answer = await api.post(`api/tools/environment/${what}`);
    await finished(answer, { progress: ({ name }) => fill(said, name) });
    fill(said, t("queue.offer_done"));
  },
  async program(what, { said }) {
    const [name, text] = split(what);
    await api.post("api/tools/program", { name, text });
    fill(said, t("queue.offer_is_set", { what: assigned(what) }));
  },
  /** The version's setting; the entry that failed stays as it was. */
  async training(what, { entry, said }) {
    const [name, text] = split(what);
    const path = api.versionPath(entry.project, entry.version, "plan/settings");
    const before = (await api.get(path)).values[name] ?? "";
    const save = async (from, to) => {
      const saved = await api.post(path, { changes: { [name]: to }, seen: { [name]: from } });
      if (saved.errors[name]) throw new api.ApiError(saved.errors[name], 400);
    };
    await save(before, text);
    const takeBack = () => attempt(async () => fill(said, (await save(text, before)) ?? ""));
    fill(said, t("queue.offer_start_again", { what: assigned(what) }), " ",
      h("button", { type: "button", class: "link", onclick: takeBack }, t("queue.offer_undo")));
  },
};

/** `gradient_checkpointing=true` is `Gradient checkpointing = on`. */
function assigned(what) {
  const [name, text] = split(what);
  return `${labelOf(name)} = ${valueOf(text)}`;
}

const split = (what) => [what.slice(0, what.indexOf("=")), what.slice(what.indexOf("=") + 1)];
