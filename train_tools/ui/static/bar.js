// The bar above everything: project and version, language, theme.

import * as api from "./kit/api.js";
import { fill, h, icon } from "./kit/dom.js";
import * as place from "./kit/place.js";
import * as texts from "./kit/texts.js";
import { t } from "./kit/texts.js";
import * as theme from "./kit/theme.js";

const state = { node: null, projects: [], onchange: () => {} };

export function mount(node, { onchange }) {
  Object.assign(state, { node, onchange });
  draw();
}

/** Reads the projects anew. */
export async function load() {
  state.projects = await api.get("api/projects");
  draw();
}

export const projects = () => state.projects;

export const find = (project, version) =>
  state.projects.find((p) => p.name === project)?.versions.find((v) => v.name === version);

export function draw() {
  const at = place.read();
  fill(state.node,
    h("span", { class: "brand" }, h("img", { src: "icon.svg", alt: "", width: 22, height: 22 }), "Train Tools"),
    chooser(at),
    h("span", { class: "space" }),
    h("button", { class: "quiet", title: t("page.theme"), "aria-label": t("page.theme"), onclick: () => (theme.toggle(), draw()) }, icon(theme.current() === "dark" ? "sun" : "moon")),
    h("button", { class: "quiet language", "aria-label": t("page.language"), onclick: () => texts.setLanguage(texts.language === "zh" ? "en" : "zh") }, texts.language === "zh" ? "English" : "中文"));
}

function chooser(at) {
  const options = state.projects.flatMap((project) => project.versions.map((version) => [project.name, version.name]));
  return h("select", { class: "version", "aria-label": t("page.version"), onchange: (event) => {
    const [project, version] = options[event.target.value];
    place.go({ project, version });
  } }, options.map(([project, version], index) =>
    h("option", { value: String(index), selected: project === at.project && version === at.version }, `${project} / ${version}`)));
}

/** What stands in the page before there is a version. */
export function welcome(root) {
  fill(root, h("div", { class: "empty" }, h("h1", null, t("page.welcome")), h("p", null, t("page.welcome_text"))));
  return {};
}

