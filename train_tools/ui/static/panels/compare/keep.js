import * as api from "../../kit/api.js";
import { confirm, dialog } from "../../kit/dialog.js";
import { h } from "../../kit/dom.js";
import { field } from "../../kit/field.js";
import { t } from "../../kit/texts.js";
import { attempt, toast } from "../../kit/toast.js";

/** "Keep this one": the checkpoint of a picture goes to a folder, with that picture on its card. */
export async function keep(shared, cell) {
  const checkpoint = shared.model.checkpoint(shared.model.owner(cell));
  const at = `${shared.context.base}publish`;
  const about = await attempt(() => api.get(at, { checkpoint: checkpoint.id, picture: shared.model.key(cell) }));
  if (!about) return;
  const name = h("input", { type: "text", value: about.name, spellcheck: "false", autocomplete: "off" });
  const folders = h("datalist", { id: "publish-folders" }, about.folders.map((folder) => h("option", { value: folder })));
  const folder = about.fixed
    ? h("select", null, about.folders.map((path) => h("option", { value: path }, path)))
    : h("input", { type: "text", value: about.folders[0] ?? "", list: "publish-folders", spellcheck: "false", autocomplete: "off" });
  const fields = about.settings.map((entry) => field({ ...entry, label: t(`compare.publish_${entry.name}`) }, about.values[entry.name] ?? ""));
  let done = null;
  const check = async () => {
    const settings = Object.fromEntries(fields.map((one, place) => [about.settings[place].name, one.value]).filter(([, value]) => value !== ""));
    const wish = { checkpoint: checkpoint.id, name: name.value, folder: folder.value, picture: shared.model.key(cell), settings };
    try {
      let answer = await api.post(at, wish);
      if (answer.missing_folder) {
        if (!(await confirm(t("compare.keep_make_title"), t("compare.keep_make_text", { folder: answer.missing_folder }), t("compare.keep_make")))) return t("compare.keep_other_folder");
        answer = await api.post(at, { ...wish, make_folder: true });
      }
      done = answer;
      return "";
    } catch (error) {
      return error.message;
    }
  };
  const labelled = (text, input) => h("label", { class: "field" }, h("span", { class: "label" }, text), input);
  await dialog({
    title: t("compare.keep_title"),
    wide: true,
    body: [
      h("p", { class: "muted small compare-wrap" }, `${checkpoint.runLabel} · ${checkpoint.file}`),
      h("div", { class: "compare-keep" }, h("img", { src: shared.thumb(shared.model.key(cell), 192), alt: "" }),
        h("div", { class: "compare-stack" }, labelled(t("compare.keep_name"), name), labelled(t("compare.keep_folder"), folder), folders)),
      h("div", { class: "fields" }, fields.map((one) => one.node)),
    ],
    buttons: [[t("kit.cancel"), null], [t("compare.keep"), true, "primary"]],
    check,
  });
  if (!done) return;
  (shared.model.published[checkpoint.number] ??= []).push(name.value.trim());
  shared.onmark?.();
  toast(t("compare.kept", { tag: done.tag }));
  for (const note of done.notes) toast(note);
}
