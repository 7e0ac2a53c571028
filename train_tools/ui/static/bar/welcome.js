// What stands in the page before there is a version: one field, one button.

import * as api from "../kit/api.js";
import { fill, h, icon } from "../kit/dom.js";
import { t } from "../kit/texts.js";
import { askForDemo } from "./demo.js";
import { isKnown, startTour } from "./tour.js";
import { importZip } from "./transfer.js";
import { openTrash } from "./trash.js";

export function welcomePage(bar, root) {
  const name = h("input", { type: "text", id: "first-project", spellcheck: "false", autocomplete: "off", placeholder: t("bar.for_example"), "aria-describedby": "first-problem" });
  const problem = h("p", { class: "problem", id: "first-problem", role: "alert" });
  const field = h("div", { class: "field" }, h("label", { class: "label", for: "first-project" }, t("bar.project_name")),
    h("div", { class: "row tight" }, name, h("button", { class: "primary", type: "submit" }, t("bar.begin"))), problem);
  const form = h("form", { class: "card welcome" }, h("h1", null, t("page.welcome")), h("p", { class: "muted" }, t("page.welcome_text")), field,
    h("div", { class: "welcome-new" }, h("h2", null, t("tour.new_here")), h("p", { class: "row tight" },
      h("button", { type: "button", class: isKnown() ? "" : "primary", onclick: () => startTour(bar) }, icon("play"), t("tour.take")),
      h("button", { type: "button", onclick: () => askForDemo(bar) }, icon("image"), t("demo.title"))), h("p", { class: "muted small" }, t("tour.or_demo"))),
    h("p", { class: "row" },
      h("button", { type: "button", onclick: () => importZip(bar) }, icon("upload"), t("bar.import")),
      bar.projects().length ? h("span", { class: "muted small" }, t("bar.or_choose")) : null,
      h("button", { type: "button", class: "quiet", onclick: () => openTrash(bar) }, icon("trash"), t("bar.trash"))));
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const said = await begin(bar, name.value);
    fill(problem, said);
    field.classList.toggle("wrong", Boolean(said));
    if (said) name.focus();
  });
  root.className = "panel"; // none of the panels' own layouts
  fill(root, form);
  name.focus();
  return {};
}

/** What is wrong with the name, "" where the project was made. */
async function begin(bar, name) {
  if (!name.trim()) return t("kit.needed");
  try {
    await bar.goTo(await api.post("api/projects", { name }));
    return "";
  } catch (error) {
    if (error.status === undefined) throw error;
    return error.message;
  }
}
