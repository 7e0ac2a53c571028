// What is saved from here: a run with all that it made, a sheet, the board as one file.

import * as api from "../../kit/api.js";
import { dialog, menu } from "../../kit/dialog.js";
import { fill, h } from "../../kit/dom.js";
import { bytes, number, when } from "../../kit/format.js";
import { finished } from "../../kit/task.js";
import { t } from "../../kit/texts.js";
import { attempt } from "../../kit/toast.js";

const LARGE = 300e6; // bytes of a page, which browsers open slowly
const MOST_SHEETS = 8;

/** The browser saves it under the name that the server gives. */
export function save(address, name = "") {
  const link = h("a", { href: address, download: name });
  document.body.append(link);
  link.click();
  link.remove();
}

export async function downloadRun(shared, run) {
  const query = api.queryOf({ run: run.name });
  const found = await api.get(`${shared.at}runs/size${query}`);
  const answer = await dialog({
    title: t("compare.download_run"),
    body: [
      h("p", null, run.label),
      h("p", null, t("compare.download_run_text", { files: number(found.files), size: bytes(found.bytes) })),
      found.left_out.length ? h("p", { class: "muted small compare-wrap" }, t("bar.left_out", { what: found.left_out.join("; ") })) : null,
    ],
    buttons: [[t("kit.cancel"), null], [t("compare.download"), true, "primary"]],
  });
  if (answer) save(`${shared.at}runs/zip${query}`);
}

/** The board as it is shown, with its pictures inside. */
export async function exportBoard(shared) {
  const sizes = { small: h("span", { class: "muted" }, "…"), whole: h("span", { class: "muted" }, "…") };
  const says = h("p", { class: "muted small", role: "status" });
  const choice = (name, checked) => h("label", { class: "row tick" }, h("input", { type: "radio", name: "pictures", value: name, checked }), h("span", null, t(`compare.export_${name}`), " · ", sizes[name]));
  const choices = [choice("small", true), choice("whole", false)];
  attempt(async () => {
    const found = await finished(await api.get(`${shared.at}export/size`, shared.query));
    for (const [name, node] of Object.entries(sizes)) fill(node, t("compare.about", { size: bytes(found[name]) }));
    fill(says, t("compare.export_pictures", { n: number(found.pictures) }), found.whole > LARGE ? ` ${t("compare.export_large")}` : "");
  });
  const answer = await dialog({
    title: t("compare.export"),
    body: [h("p", null, t("compare.export_text")), choices, says],
    buttons: [[t("kit.cancel"), null], [t("compare.download"), true, "primary"]],
  });
  if (!answer) return;
  const size = choices.map((node) => node.firstChild).find((input) => input.checked).value;
  // The file opens in the language that the page has now.
  save(`${shared.at}export${api.queryOf({ ...shared.query, size, language: document.documentElement.lang })}`);
}

/** A menu of what there is to save of the version. */
export async function downloads(shared, button) {
  const sheets = (await attempt(() => api.get(`${shared.at}runs/sheets`))) ?? [];
  const { project, version } = shared.context;
  menu(button, [
    [t("compare.export_menu"), () => exportBoard(shared)],
    [t("compare.download_runs_menu"), () => shared.openView("runs")],
    ...(sheets.length ? [null] : []),
    ...sheets.slice(0, MOST_SHEETS).map((sheet) => [t("compare.sheet", { made: when(sheet.made), size: bytes(sheet.bytes) }), () => save(`${api.versionPath(project, version, sheet.path, "files")}?save=1`)]),
  ]);
}
