// Which pictures are made of the checkpoints: the axes, how many they are, and the job that renders them.

import * as api from "../../kit/api.js";
import { dialog } from "../../kit/dialog.js";
import { fill, h } from "../../kit/dom.js";
import { field } from "../../kit/field.js";
import { number } from "../../kit/format.js";
import { finished } from "../../kit/task.js";
import { t } from "../../kit/texts.js";
import { attempt, toast } from "../../kit/toast.js";
import { settle } from "../../kit/wait.js";

// What most people change, in this order; the rest unfolds.
const USUAL = ["checkpoints", "weights", "seed", "steps", "cfg_scale", "sampler", "negative_prompt", "automatic"];
const NOT_HERE = new Set(["prompts", "batch_cells", "automatic_lane"]);

// What is as the base model's family makes pictures well, where nobody set it.
const BY_FAMILY = new Set(["sampler", "scheduler", "steps", "cfg_scale", "guidance", "shift", "rescale"]);

export async function askForPictures(shared) {
  const at = `${shared.context.base}previews`;
  const about = await attempt(() => api.get(at));
  if (!about) return;
  const known = new Map(about.settings.map((entry) => [entry.name, entry]));
  const changed = "automatic" in about.values ? {} : { automatic: about.automatic };
  const says = h("p", { class: "muted", role: "status" });
  const inputs = new Map();
  const count = settle(async () => fill(says, await inWords(at, changed, inputs)), 300);
  const change = (name, text) => {
    changed[name] = text;
    count();
  };
  const make = (name) => {
    const entry = { ...known.get(name), label: t(`compare.preview_${name}`) };
    const value = changed[name] ?? about.values[name] ?? (entry.choices.length || entry.kind === "bool" ? entry.default : "");
    const made = field(entry, value, (text) => change(name, text));
    if (BY_FAMILY.has(name)) {
      made.input.placeholder = t("compare.preview_as_any_family");
      inputs.set(name, made.input);
    }
    return made.node;
  };
  const rest = about.settings.map((entry) => entry.name).filter((name) => !USUAL.includes(name) && !NOT_HERE.has(name));
  count();
  const answer = await dialog({
    title: t("compare.pictures"),
    wide: true,
    body: [prompts(known.get("prompts"), about.values.prompts, change), h("div", { class: "fields" }, USUAL.map(make)),
      h("details", null, h("summary", null, t("compare.preview_more")), h("div", { class: "fields" }, rest.map(make))), says],
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

/** One prompt a line, as that is how people read them. */
function prompts(entry, value, change) {
  const input = h("textarea", { id: "preview-prompts", rows: "4", spellcheck: "false", oninput: (event) => change("prompts", event.target.value) });
  input.value = (value ?? entry.default).split("|").map((prompt) => prompt.trim()).join("\n");
  return h("div", { class: "field" }, h("label", { class: "label", for: "preview-prompts" }, t("compare.preview_prompts")), input, h("p", { class: "help" }, entry.help));
}

/** How many pictures there would be; the fields that are empty say what they mean. */
async function inWords(at, changed, inputs) {
  try {
    const found = await finished(await api.post(`${at}/count`, { settings: changed }));
    if (!found) return "";
    if (found.problem) return h("span", { class: "problem" }, found.problem);
    for (const [name, value] of Object.entries(found.by_family)) {
      inputs.get(name)?.setAttribute("placeholder", value ? t("compare.preview_as_family", { value }) : t("compare.preview_not_told"));
    }
    return [t("compare.pictures_count", { n: number(found.pictures), missing: number(found.missing) }), found.drawn.map((line) => h("div", { class: "small" }, line)), found.notes.map((note) => h("span", { class: "small" }, " ", note))];
  } catch (error) {
    return h("span", { class: "problem" }, error.message);
  }
}
