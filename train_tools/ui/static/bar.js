// The bar above everything: project and version, what the queue does, language, theme.

import * as api from "./kit/api.js";
import { fill, h, icon } from "./kit/dom.js";
import * as place from "./kit/place.js";
import * as texts from "./kit/texts.js";
import { t } from "./kit/texts.js";
import * as theme from "./kit/theme.js";
import { showActions } from "./bar/actions.js";
import { openChooser } from "./bar/chooser.js";
import { watchIfBegun } from "./bar/demo.js";
import { gauges } from "./bar/gauges.js";
import { queueChip } from "./bar/queue_chip.js";
import { welcomePage } from "./bar/welcome.js";

const state = { node: null, session: {}, projects: [], onchange: () => {}, chip: null, gauges: null };

export function mount(node, { session, onchange }) {
  Object.assign(state, { node, session, onchange });
  draw();
}

/** Reads the projects anew. */
export async function load() {
  state.projects = await api.get("api/projects");
  if (!state.chip) watchIfBegun(parts);
  state.chip ??= queueChip();
  state.gauges ??= gauges();
  draw();
}

export const projects = () => state.projects;

export const find = (project, version) =>
  state.projects.find((p) => p.name === project)?.versions.find((v) => v.name === version);

/** What the bar's parts, and the trash in the Tools panel, may do with it. */
export const parts = {
  projects,
  load,
  /** Goes to a project's version; its newest where none is named. */
  async goTo({ project, version }) {
    await load();
    const found = state.projects.find((p) => p.name === project);
    const name = version || found?.versions[0]?.name || "";
    place.go({ project: name ? project : "", version: name });
    state.onchange(); // the address may be the same, as after a rename back
  },
};

export function draw() {
  const at = place.read();
  const focused = state.node.contains(document.activeElement) ? document.activeElement.id : "";
  fill(state.node,
    h("span", { class: "brand" }, h("img", { src: "icon.svg", alt: "", width: 22, height: 22 }), h("span", { class: "brand-name" }, "Train Tools")),
    chooser(at),
    h("span", { class: "space" }),
    state.session.host ? h("span", { class: "muted in-host" }, t("bar.in_host", { host: state.session.host })) : null,
    state.gauges?.node,
    state.chip?.node,
    h("button", { class: "quiet", id: "bar-theme", title: t("page.theme"), "aria-label": t("page.theme"), onclick: () => (theme.toggle(), draw()) }, icon(theme.current() === "dark" ? "sun" : "moon")),
    h("button", { class: "quiet language", id: "bar-language", lang: texts.language === "zh" ? "en" : "zh-CN", "aria-label": t("page.language"), onclick: () => texts.setLanguage(texts.language === "zh" ? "en" : "zh") }, texts.language === "zh" ? "English" : "中文"));
  state.chip?.draw();
  state.gauges?.draw();
  if (focused) document.getElementById(focused)?.focus();
}

function chooser(at) {
  if (!state.projects.length) return null;
  const version = find(at.project, at.version);
  return h("span", { class: "place" },
    h("button", { class: "version", id: "bar-version", title: t("page.version"), "aria-haspopup": "dialog", onclick: () => openChooser(parts, place.read()) },
      h("span", { class: "unseen" }, `${t("page.version")}: `),
      version ? [h("span", { class: "project-name" }, at.project), h("span", { class: "muted" }, "/"), h("strong", null, at.version)] : t("bar.choose"),
      icon("down")),
    h("button", { class: "quiet", id: "bar-actions", "aria-label": t("bar.actions"), title: t("bar.actions"), "aria-haspopup": "menu",
      onclick: (event) => showActions(parts, event.currentTarget, version ? place.read() : null) }, icon("more")));
}

/** What stands in the page before there is a version. */
export const welcome = (root) => welcomePage(parts, root);
