// Which pictures are made of the checkpoints: the axes, how many they are, and the job that renders them.

import * as api from "../../kit/api.js";
import { dialog } from "../../kit/dialog.js";
import { fill, h } from "../../kit/dom.js";
import { number } from "../../kit/format.js";
import { finished } from "../../kit/task.js";
import { t } from "../../kit/texts.js";
import { attempt, toast } from "../../kit/toast.js";
import { settle } from "../../kit/wait.js";
import { PreviewFields } from "./preview_fields.js";

export async function askForPictures(shared) {
  const at = `${shared.context.base}previews`;
  const about = await attempt(() => api.get(at));
  if (!about) return;
  const changed = "automatic" in about.values ? {} : { automatic: about.automatic };
  const says = h("p", { class: "muted", role: "status" });
  const count = settle(async () => fill(says, await inWords(at, changed, fields)), 300);
  const fields = new PreviewFields(about, (name, text) => {
    changed[name] = text;
    count();
  });
  count();
  const answer = await dialog({
    title: t("compare.pictures"),
    wide: true,
    body: [fields.prompts, fields.usual, fields.more, says],
    buttons: [[t("kit.cancel"), null], [t("compare.render"), true, "primary"]],
    check: async () => {
      try {
        await api.post(`${at}/render`, { settings: changed });
        return "";
      } catch (error) {
        return error.message;
      }
    },
  });
  if (answer) toast(t("compare.render_queued"), { action: [t("page.queue"), () => shared.context.go({ panel: "queue" })] });
}

/** How many pictures there would be; the fields that are empty say what they mean. */
async function inWords(at, changed, fields) {
  try {
    const found = await finished(await api.post(`${at}/count`, { settings: changed }));
    if (!found) return "";
    if (found.problem) return h("span", { class: "problem" }, found.problem);
    fields.showFamily(found.by_family);
    return [t("compare.pictures_count", { n: number(found.pictures), missing: number(found.missing) }), found.drawn.map((line) => h("div", { class: "small" }, line)), found.notes.map((note) => h("span", { class: "small" }, " ", note))];
  } catch (error) {
    return h("span", { class: "problem" }, error.message);
  }
}
