// More epochs for runs that have finished: each goes on as a run of its own, trained together where they fit.

import * as api from "../../kit/api.js";
import { dialog } from "../../kit/dialog.js";
import { h } from "../../kit/dom.js";
import { t } from "../../kit/texts.js";
import { toast } from "../../kit/toast.js";

const USUAL = 5;

/**
 * `at` is the version's address; `runs` are named, none means those with a starred checkpoint; `labelOf(name)` is what a
 * run is called. Returns whether any was queued.
 */
export async function askForMore(at, runs, go, labelOf = (name) => name) {
  const starred = runs.length ? [] : await api.get(`${at}queue/starred`);
  const names = runs.length ? runs : starred;
  const input = h("input", { type: "number", min: "1", step: "1", value: String(USUAL), id: "more-epochs" });
  let done = [];
  const answer = await dialog({
    title: t("queue.go_on"),
    body: [
      h("p", { class: "help" }, names.length ? t("queue.more_help") : t("queue.more_none")),
      h("ul", null, names.map((name) => h("li", { class: "small", title: name }, labelOf(name)))),
      names.length > 0 && h("div", { class: "field" }, h("label", { class: "label", for: "more-epochs" }, t("queue.more_epochs")), input),
    ],
    buttons: names.length ? [[t("kit.cancel"), null], [t("queue.more_start"), "add", "primary"]] : [[t("kit.close"), null]],
    check: async (value) => {
      if (value !== "add") return "";
      if (!(Number(input.value) >= 1)) return t("kit.needed");
      try {
        done = await api.post(`${at}queue/more`, { runs: names, epochs: Math.floor(Number(input.value)) });
        return "";
      } catch (error) {
        return error.message;
      }
    },
  });
  if (!answer) return false;
  toast([...new Set(done.map((one) => one.says))].join(" "), { action: [t("page.queue"), () => go({ panel: "queue" })] });
  return true;
}
