// The word by which the LoRA is called: said where images come in, with what it is while nobody has chosen one.

import { fill, h } from "../../kit/dom.js";
import { t } from "../../kit/texts.js";

const CONCEPT = "{concept}";

/** `form` are the settings, whose field for it is shown here. */
export function trigger(store, form) {
  const hint = h("p", { class: "muted small" });
  const node = h("div", { class: "trigger-word" }, form.trigger, hint);

  function draw() {
    const answer = store.values.settings;
    if (!answer) return;
    const own = form.effective("concept");
    const isSet = Boolean(form.texts().concept);
    const others = [...new Set((store.values.originals?.rows ?? []).filter(([name]) => name.includes("/")).map(([name]) => name.split("/")[0]))];
    const first = answer.prefix.replaceAll(CONCEPT, own);
    fill(hint, isSet ? t("trigger.calls", { word: own }) : t("trigger.default", { word: own }),
      others.length ? ` ${t("trigger.others", { words: others.join(t("trigger.and")) })}` : "",
      !answer.prefix.trim() ? ` ${t("trigger.not_in_captions")}` : first !== own ? ` ${t("trigger.captions_begin", { words: first })}` : "");
  }

  store.on("settings", draw);
  store.on("originals", draw);
  return { node, update: draw };
}
