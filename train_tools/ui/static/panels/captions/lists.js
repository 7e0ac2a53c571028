// The lists by which tags are completed: what is used, what lies on this machine, and a person's own file.

import * as api from "../../kit/api.js";
import { dialog } from "../../kit/dialog.js";
import { fill, h, icon } from "../../kit/dom.js";
import { bytes, number } from "../../kit/format.js";
import { t } from "../../kit/texts.js";
import { attempt } from "../../kit/toast.js";

const ADDRESS = "api/tags/lists";
const AGAIN_MS = 600; // they are still being read

/** Has the server read them, which takes seconds, before somebody types. */
export const readLists = () => api.get(ADDRESS, null, { quiet: true }).catch(() => null);

export async function tagLists() {
  const rows = h("div", { class: "tag-lists" });
  const found = h("div", { class: "tag-lists" });
  const where = h("p", { class: "small muted" });
  let isOpen = true;

  const draw = async () => {
    const answer = await attempt(() => api.get(ADDRESS));
    if (!answer || !isOpen) return;
    fill(rows, answer.files.length ? answer.files.map(row) : null,
      answer.waiting ? h("p", { class: "muted" }, t("suggest.reading")) : answer.files.length ? null : h("p", { class: "muted" }, t("suggest.no_lists")));
    fill(found, answer.found.length ? h("h3", null, t("suggest.found")) : null, answer.found.map(foundRow));
    where.textContent = t("suggest.folder", { folder: answer.folder });
    if (answer.waiting) setTimeout(draw, AGAIN_MS);
  };

  const row = (one) => h("div", { class: "row tight" }, icon("check"), h("strong", { class: "grow" }, one.name),
    one.problem ? h("span", { class: "problem" }, one.problem) : h("span", { class: "muted" }, t("suggest.n_tags", { n: number(one.tags) })),
    h("button", { type: "button", class: "quiet", "aria-label": t("suggest.take_out", { name: one.name }), title: t("suggest.take_out", { name: one.name }),
      onclick: () => then(() => api.post(`${ADDRESS}/remove`, { name: one.name })) }, icon("trash")));

  const foundRow = (one) => h("div", { class: "row tight" }, icon("folder"), h("span", { class: "grow" }, one.name),
    h("span", { class: "muted" }, bytes(one.bytes)),
    h("button", { type: "button", onclick: () => then(() => api.post(`${ADDRESS}/take`, { name: one.name })) }, t("suggest.use")));

  async function then(work) {
    await attempt(work);
    await draw();
  }

  const file = h("input", { type: "file", accept: ".csv,.txt", multiple: true, hidden: true, "aria-label": t("suggest.choose"), onchange: async () => {
    const chosen = [...file.files];
    file.value = "";
    for (const one of chosen) await attempt(() => api.upload(ADDRESS + api.queryOf({ name: one.name }), one));
    await draw();
  } });
  draw();
  await dialog({
    title: t("suggest.lists"),
    body: [h("p", null, t("suggest.lists_text")), rows, found, where,
      h("button", { type: "button", onclick: () => file.click() }, icon("upload"), t("suggest.choose")), file],
    buttons: [[t("kit.close"), null]],
  });
  isOpen = false;
}
