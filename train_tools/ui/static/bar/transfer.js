// Zips out and in.

import * as api from "../kit/api.js";
import { h } from "../kit/dom.js";
import { number } from "../kit/format.js";
import { watched } from "../kit/task.js";
import { t } from "../kit/texts.js";
import { attempt, toast } from "../kit/toast.js";
import { form, tick } from "./form.js";

export async function exportZip(title, path) {
  const runs = tick(t("bar.with_runs"));
  const originals = tick(t("bar.with_originals"));
  const answer = await form({
    title, text: t("bar.export_text"), fields: [runs, originals], yes: t("bar.export"),
    send: () => api.post(path, { with_runs: runs.input.checked, with_originals: originals.input.checked }),
  });
  const made = answer && (await attempt(() => watched(title, answer)));
  if (!made) return;
  if (made.left_out.length) toast(t("bar.left_out", { what: made.left_out.join("; ") }), { kind: "error" });
  download(made.file);
}

/** The browser saves it under its own name. */
export function download(file) {
  const link = h("a", { href: `files/exports/${encodeURIComponent(file)}`, download: file });
  document.body.append(link);
  link.click();
  link.remove();
  toast(t("bar.exported", { file }));
}

/** Asks for a zip; a project becomes a project, a version goes into the one that it came from. */
export function importZip(bar) {
  const input = h("input", { type: "file", accept: ".zip", hidden: true, "aria-label": t("bar.import"), onchange: () => take(bar, input) });
  document.body.append(input);
  input.addEventListener("cancel", () => input.remove());
  input.click();
}

async function take(bar, input) {
  const file = input.files[0];
  input.remove();
  if (!file) return;
  const bar_ = h("div");
  const note = h("div", { class: "toast", role: "status" }, h("span", null, t("bar.uploading", { file: file.name }), h("div", { class: "progress" }, bar_)));
  document.getElementById("toasts").append(note);
  const made = await attempt(async () => {
    try {
      const progress = (share) => (bar_.style.width = `${share * 100}%`);
      const answer = await api.upload(`api/import${api.queryOf({ file: file.name })}`, file, { progress });
      note.remove();
      return await watched(t("bar.import"), answer);
    } finally {
      note.remove();
    }
  });
  if (!made) return;
  toast(t("bar.imported", { files: number(made.files), place: [made.project, made.version].filter(Boolean).join(" / ") }));
  await bar.goTo(made);
}
