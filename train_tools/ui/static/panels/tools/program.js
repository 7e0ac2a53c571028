// Mirrors, proxy, offline mode, GPUs: settings of the program on this machine.

import * as api from "../../kit/api.js";
import { fill, h } from "../../kit/dom.js";
import { field } from "../../kit/field.js";
import { t } from "../../kit/texts.js";
import { attempt } from "../../kit/toast.js";

export function program(body) {
  attempt(async () => {
    const { fields, values, gpus } = await api.get("api/tools/program");
    fill(body, h("p", { class: "muted small" }, t("tools.program_text")), h("div", { class: "fields" }, fields.map((entry) => one(entry, values[entry.name]))));
    if (gpus.length) body.append(h("p", { class: "muted small" }, t("tools.gpus", { list: gpus.join(", ") })));
  });
}

/** Saved when the field is left; a wrong address is told below it. */
function one(entry, value) {
  const made = field({ ...entry, label: t(`tools.program_${entry.name}`) }, value === entry.default ? "" : value);
  made.input.addEventListener("change", async () => {
    try {
      await api.post("api/tools/program", { name: entry.name, text: made.value.trim() });
      made.say("");
    } catch (error) {
      if (error.status === undefined) throw error;
      made.say(error.message);
    }
  });
  return made.node;
}
