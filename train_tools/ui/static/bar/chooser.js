// Which project and version: searchable, with counts and the last change.

import { fill, h, icon } from "../kit/dom.js";
import { bytes, number, when } from "../kit/format.js";
import { t } from "../kit/texts.js";
import { open } from "../kit/layers.js";
import { attempt } from "../kit/toast.js";
import { createProject } from "./make.js";
import { importZip } from "./transfer.js";
import { openTrash } from "./trash.js";

const MOST_ROWS = 300; // more are found by searching

export function openChooser(bar, at) {
  const search = h("input", { type: "search", placeholder: t("bar.search"), "aria-label": t("bar.search"), autocomplete: "off", spellcheck: "false" });
  const list = h("div", { class: "places", role: "listbox", "aria-label": t("page.version") });
  const node = h("dialog", { class: "chooser", "aria-label": t("bar.choose") });
  const close = () => node.close();
  const after = (work) => () => (close(), work());
  const draw = () => fill(list, rowsOf(bar.projects(), search.value, at, (place) => (close(), bar.goTo(place))));
  search.addEventListener("input", draw);
  node.addEventListener("keydown", (event) => moveIn(node, search, event));
  node.addEventListener("click", (event) => event.target === node && close());
  node.append(
    h("div", { class: "row" }, search, h("button", { class: "quiet", "aria-label": t("kit.close"), onclick: close }, icon("close"))),
    list,
    h("div", { class: "row" },
      h("button", { onclick: after(() => createProject(bar)) }, icon("plus"), t("bar.new_project")),
      h("button", { onclick: after(() => importZip(bar, at)) }, icon("upload"), t("bar.import")),
      h("button", { onclick: after(() => openTrash(bar)) }, icon("trash"), t("bar.trash"))));
  draw();
  open(node);
  search.focus();
  attempt(async () => {
    await bar.load(); // another window may have made or trained something
    draw();
  });
}

function rowsOf(projects, words, at, choose) {
  const wanted = words.toLowerCase().split(/\s+/).filter(Boolean);
  const matches = (text) => wanted.every((word) => text.toLowerCase().includes(word));
  const rows = [];
  let shown = 0;
  let left = 0;
  for (const project of projects) {
    const versions = project.versions.filter((version) => matches(`${project.name} ${version.name}`));
    if (!versions.length && !(matches(project.name) && !project.versions.length)) continue;
    if (shown > MOST_ROWS) {
      left += versions.length;
      continue;
    }
    shown += versions.length;
    rows.push(h("div", { role: "group", "aria-label": project.name },
      h("h3", { role: "presentation" }, project.name, project.versions.length ? null : h("span", { class: "muted small" }, ` – ${t("bar.no_versions")}`)),
      versions.map((version) => row(project, version, at, choose))));
  }
  if (left) rows.push(h("p", { class: "muted small" }, t("bar.more", { n: number(left) })));
  return rows.length ? rows : h("p", { class: "muted" }, t("bar.nothing_found"));
}

function row(project, version, at, choose) {
  const isHere = project.name === at.project && version.name === at.version;
  const images = version.images || version.originals;
  return h("button", { class: "place-row", role: "option", "aria-selected": String(isHere), onclick: () => choose({ project: project.name, version: version.name }) },
    h("span", { class: "name" }, version.name),
    h("span", { class: "muted small" }, t("bar.counts", { images: number(images), runs: number(version.runs), size: bytes(version.bytes) })),
    h("span", { class: "muted small when" }, when(version.changed)));
}

/** Arrows go through the rows, and back to the search. */
function moveIn(node, search, event) {
  const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  const rows = [...node.querySelectorAll(".place-row")];
  if (event.key === "Enter" && event.target === search && rows.length && !event.isComposing) rows[0].click();
  if (!step || !rows.length) return;
  const next = rows.indexOf(document.activeElement) + step;
  (next < 0 ? search : rows[Math.min(next, rows.length - 1)]).focus();
  event.preventDefault();
}
