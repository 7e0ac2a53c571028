// New projects and versions, copies and other names.

import * as api from "../kit/api.js";
import { h } from "../kit/dom.js";
import { finished, watched } from "../kit/task.js";
import { t } from "../kit/texts.js";
import { attempt, toast } from "../kit/toast.js";
import { choice, form, textField, tick } from "./form.js";

export const projectPath = (project, rest) => `api/projects/${encodeURIComponent(project)}/${rest}`;

/** Waits for a copy, says what was left out, and goes there. */
async function arrive(bar, title, answer) {
  const made = answer && (await attempt(() => watched(title, answer)));
  if (!made) return;
  if (made.left_out?.length) toast(t("bar.left_out", { what: made.left_out.join("; ") }), { kind: "error" });
  await bar.goTo(made);
}

export async function createProject(bar) {
  const name = textField(t("bar.project_name"));
  const version = textField(t("bar.first_version"), "v1");
  const made = await form({
    title: t("bar.new_project"), text: t("bar.project_is"), fields: [name, version], yes: t("bar.create"),
    send: () => api.post("api/projects", { name: name.input.value, version: version.input.value }),
  });
  if (made) await bar.goTo(made);
}

export async function createVersion(bar, at) {
  const here = bar.projects().find((project) => project.name === at.project);
  const name = textField(t("bar.version_name"), freeName(at.version, here?.versions ?? []));
  const sources = bar.projects().flatMap((p) => p.versions.map((v) => ({ project: p.name, version: v.name })));
  const source = choice(t("bar.start_from"), [["", t("bar.empty")], ...sources.map((s, i) => [String(i), label(s, at)])],
    String(sources.findIndex((s) => s.project === at.project && s.version === at.version)));
  const data = tick(t("bar.take_data"));
  const settings = tick(t("bar.take_settings"));
  const parts = { node: h("div", { class: "ticks" }, data.node, settings.node), input: data.input };
  const follow = () => (parts.node.hidden = !source.input.value);
  source.input.addEventListener("change", follow);
  follow();
  const answer = await form({
    title: t("bar.new_version"), fields: [name, source, parts], yes: t("bar.create"),
    send: () => api.post(projectPath(at.project, "versions"), {
      name: name.input.value,
      from: source.input.value ? sources[Number(source.input.value)] : null,
      take: [data.input.checked && "data", settings.input.checked && "settings"].filter(Boolean),
    }),
  });
  await arrive(bar, t("bar.new_version"), answer);
}

const label = (source, at) => (source.project === at.project ? source.version : `${source.project} / ${source.version}`);

/** v1 -> v2, cat -> cat-2 */
function freeName(name, versions) {
  const taken = new Set(versions.map((version) => version.name.toLowerCase()));
  const [, stem, digits] = /^(.*?)(\d*)$/.exec(name);
  for (let n = Number(digits || 1) + 1; ; n++) {
    const next = digits || !stem ? `${stem}${n}` : `${stem}-${n}`;
    if (!taken.has(next.toLowerCase())) return next;
  }
}

export async function cloneVersion(bar, at) {
  const name = textField(t("bar.copy_name"), freeName(at.version, bar.projects().find((p) => p.name === at.project).versions));
  const to = choice(t("bar.in_project"), bar.projects().map((p) => [p.name, p.name]), at.project);
  const runs = tick(t("bar.with_runs"));
  const answer = await form({
    title: t("bar.clone_version", { name: at.version }), fields: [name, to, runs], yes: t("bar.copy"),
    send: () => api.post(api.versionPath(at.project, at.version, "clone"), { name: name.input.value, to: to.input.value, with_runs: runs.input.checked }),
  });
  await arrive(bar, t("bar.clone_version", { name: at.version }), answer);
}

export async function cloneProject(bar, at) {
  const name = textField(t("bar.copy_name"), freeName(at.project, bar.projects().map((p) => ({ name: p.name }))));
  const runs = tick(t("bar.with_runs"));
  const answer = await form({
    title: t("bar.clone_project", { name: at.project }), fields: [name, runs], yes: t("bar.copy"),
    send: () => api.post(projectPath(at.project, "clone"), { name: name.input.value, with_runs: runs.input.checked }),
  });
  await arrive(bar, t("bar.clone_project", { name: at.project }), answer);
}

export const renameVersion = (bar, at) =>
  rename(bar, t("bar.rename_version"), at.version, api.versionPath(at.project, at.version, "rename"));

export const renameProject = (bar, at) =>
  rename(bar, t("bar.rename_project"), at.project, projectPath(at.project, "rename"), at.version);

async function rename(bar, title, old, path, version) {
  const name = textField(t("bar.new_name"), old);
  const made = await form({
    title, text: t("bar.rename_text"), fields: [name], yes: t("bar.rename"),
    send: async () => finished(await api.post(path, { name: name.input.value })),
  });
  if (!made) return;
  if (made.concept_kept.length) toast(t("bar.concept_kept", { name: old }));
  if (made.not_followed.length) toast(t("bar.not_followed", { names: made.not_followed.join(", ") }), { kind: "error" });
  await bar.goTo({ project: made.project, version: made.version || version });
}
