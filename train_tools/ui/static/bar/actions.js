// What can be done with the project and version that are shown.

import * as api from "../kit/api.js";
import { menu } from "../kit/dialog.js";
import { t } from "../kit/texts.js";
import { askForDemo } from "./demo.js";
import { cloneProject, cloneVersion, createProject, createVersion, projectPath, renameProject, renameVersion } from "./make.js";
import { startTour } from "./tour.js";
import { exportZip, importZip } from "./transfer.js";
import { deleteProject, deleteVersion, openTrash } from "./trash.js";

export function showActions(bar, button, at) {
  const always = [
    [t("bar.new_project"), () => createProject(bar)],
    [t("bar.import"), () => importZip(bar)],
    [t("bar.trash"), () => openTrash(bar)],
    null,
    [t("tour.take"), () => startTour(bar)],
    [t("demo.title"), () => askForDemo(bar)],
  ];
  menu(button, at ? [...ofVersion(bar, at), null, ...ofProject(bar, at), null, ...always] : always);
}

const ofVersion = (bar, at) => [
  [t("bar.new_version"), () => createVersion(bar, at)],
  [t("bar.rename_version"), () => renameVersion(bar, at)],
  [t("bar.clone_version", { name: at.version }), () => cloneVersion(bar, at)],
  [t("bar.export_version"), () => exportZip(t("bar.export_version"), api.versionPath(at.project, at.version, "export"))],
  [t("bar.delete_version"), () => deleteVersion(bar, at), { danger: true }],
];

const ofProject = (bar, at) => [
  [t("bar.rename_project"), () => renameProject(bar, at)],
  [t("bar.clone_project", { name: at.project }), () => cloneProject(bar, at)],
  [t("bar.export_project"), () => exportZip(t("bar.export_project"), projectPath(at.project, "export"))],
  [t("bar.delete_project"), () => deleteProject(bar, at), { danger: true }],
];
