// What takes room; what can be made anew can be cleared.

import * as api from "../../kit/api.js";
import { fill, h } from "../../kit/dom.js";
import { bytes } from "../../kit/format.js";
import { finished } from "../../kit/task.js";
import { t } from "../../kit/texts.js";
import { attempt, toast } from "../../kit/toast.js";

const MOST_VERSIONS = 8;

export function disk(body) {
  const ending = new AbortController();
  const shown = h("div", null, h("p", { class: "muted" }, t("tools.counting")));
  const files = h("div");
  body.append(shown, files);
  const load = async () => {
    const progress = ({ done, of }) => fill(shown, h("p", { class: "muted" }, `${t("tools.counting")} ${of ? `${done} / ${of}` : ""}`));
    const found = await finished(await api.get("api/tools/disk"), { signal: ending.signal, progress });
    if (found) fill(shown, chart(found), largest(found), h("div", { class: "row" }, h("button", { onclick: clear }, t("tools.clear_thumbnails"))));
  };
  const clear = () => attempt(async () => {
    await finished(await api.post("api/tools/thumbnails/clear"), { signal: ending.signal });
    toast(t("tools.cleared"));
    await load();
  });
  const loadFiles = async () => fill(files, exported(await api.get("api/exports"), (file) => attempt(async () => {
    await api.post("api/exports/delete", { file });
    await loadFiles();
  })));
  attempt(load);
  attempt(loadFiles);
  return () => ending.abort();
}

function chart({ parts, free, total }) {
  const all = Object.entries(parts).filter(([, size]) => size).sort((a, b) => b[1] - a[1]);
  const largestPart = Math.max(1, ...all.map(([, size]) => size));
  return [
    h("p", { class: "muted small" }, t("tools.free", { free: bytes(free), total: bytes(total) })),
    h("table", { class: "bars" }, h("tbody", null, all.map(([name, size]) => h("tr", null, h("th", { scope: "row" }, t(`tools.part_${name}`)), h("td", { class: "bar" }, h("div", { style: { width: `${Math.max(1, (100 * size) / largestPart)}%` } })), h("td", { class: "size" }, bytes(size)))))),
  ];
}

const largest = ({ versions }) =>
  versions.length ? h("details", null, h("summary", null, t("tools.largest")), h("table", null, h("tbody", null, versions.slice(0, MOST_VERSIONS).map((one) => h("tr", null, h("td", null, `${one.project} / ${one.version}`), h("td", { class: "size" }, bytes(one.bytes))))))) : null;

const exported = (files, remove) =>
  files.length
    ? [h("h3", null, t("tools.exports")), h("table", null, h("tbody", null, files.map((one) =>
      h("tr", null, h("td", null, h("a", { href: `files/exports/${encodeURIComponent(one.file)}`, download: one.file }, one.file)), h("td", { class: "size" }, bytes(one.bytes)), h("td", null, h("button", { class: "link", onclick: () => remove(one.file) }, t("tools.to_trash")))))))]
    : null;
