// What was deleted, and back with it.

import * as api from "../kit/api.js";
import { fill, h, icon } from "../kit/dom.js";
import { when } from "../kit/format.js";
import { open } from "../kit/layers.js";
import { t } from "../kit/texts.js";
import { attempt, toast } from "../kit/toast.js";
import { form, textField } from "./form.js";
import { projectPath } from "./make.js";

/** To the trash at once; the way back is offered. */
export async function deleteVersion(bar, at) {
  await remove(bar, at, api.versionPath(at.project, at.version, "delete"), t("bar.deleted", { name: at.version }));
}

export async function deleteProject(bar, at) {
  await remove(bar, at, projectPath(at.project, "delete"), t("bar.deleted", { name: at.project }));
}

async function remove(bar, at, path, sentence) {
  const gone = await attempt(() => api.post(path));
  if (!gone) return;
  toast(sentence, { action: [t("bar.undo"), () => attempt(() => restore(bar, { entry: gone.entry }))] });
  await bar.load();
  await bar.goTo({ project: left(bar.projects(), at.project) });
}

/** The project to be in after the place is gone: the same one, else that which was changed last. */
function left(projects, name) {
  const whole = projects.filter((project) => project.versions.length);
  return (whole.find((project) => project.name === name) ?? whole[0])?.name ?? "";
}

async function restore(bar, body) {
  const back = await api.post("api/trash/restore", body);
  toast(t("bar.restored"));
  if (back.project) await bar.goTo(back);
  else await bar.load();
}

export function openTrash(bar) {
  const list = h("div", { class: "scroll" });
  const node = h("dialog", { class: "wide", "aria-label": t("bar.trash") },
    h("div", { class: "row" }, h("h2", null, t("bar.trash")), h("span", { class: "space" }),
      h("button", { class: "quiet", "aria-label": t("kit.close"), onclick: () => node.close() }, icon("close"))),
    list);
  open(node);
  attempt(() => drawTrash(bar, list, () => node.close()));
}

/** The list, also in the Tools panel; `then` is called when something was put back. */
export async function drawTrash(bar, list, then = () => {}) {
  const { entries, folder } = await api.get("api/trash");
  if (!entries.length) {
    fill(list, h("p", { class: "muted" }, t("bar.trash_empty")));
    return;
  }
  const rows = entries.map((entry) =>
    h("tr", null,
      h("td", null, h("strong", null, entry.name), h("div", { class: "muted small" }, entry.from)),
      h("td", null, t(`bar.kind_${entry.kind}`)),
      h("td", { class: "when" }, when(entry.deleted)),
      h("td", null, h("button", { onclick: () => putBack(bar, entry, then) }, icon("undo"), t("bar.restore")))));
  fill(list,
    h("table", null, h("thead", null, h("tr", null, h("th", null, t("bar.what")), h("th", null, t("bar.kind")), h("th", { class: "when" }, t("bar.when")), h("th"))), h("tbody", null, rows)),
    h("p", { class: "muted small" }, t("bar.trash_text", { folder })));
}

/** As it was called; where that can't be, under another name. */
async function putBack(bar, entry, then) {
  try {
    await restore(bar, { entry: entry.entry });
    then();
  } catch (error) {
    if (error.status === undefined) throw error;
    const name = textField(t("bar.new_name"), `${entry.name}-2`);
    const fields = [name];
    const project = textField(t("bar.in_project"), entry.project);
    if (entry.kind === "version") fields.push(project);
    const done = await form({
      title: t("bar.restore"), text: error.message, fields, yes: t("bar.restore"),
      send: async () => {
        const elsewhere = entry.kind === "version" && project.input.value !== entry.project;
        await restore(bar, { entry: entry.entry, name: name.input.value, project: elsewhere ? project.input.value : "" });
        return true;
      },
    });
    if (done) then();
  }
}
