// Language and theme, as the bar's buttons, with words.

import { fill, h, icon } from "../../kit/dom.js";
import * as texts from "../../kit/texts.js";
import { t } from "../../kit/texts.js";
import * as theme from "../../kit/theme.js";
import * as bar from "../../bar.js";
import { askForDemo } from "../../bar/demo.js";
import { startTour } from "../../bar/tour.js";

export function look(body) {
  const draw = () => {
    const option = (label, isOn, choose) => h("button", { "aria-pressed": String(isOn), onclick: choose }, label);
    const setTheme = (name) => () => {
      if (theme.current() !== name) theme.toggle();
      bar.draw();
      draw();
    };
    fill(body,
      h("div", { class: "row", role: "group", "aria-label": t("tools.theme") }, option(t("tools.light"), theme.current() === "light", setTheme("light")), option(t("tools.dark"), theme.current() === "dark", setTheme("dark"))),
      h("div", { class: "row languages", role: "group", "aria-label": t("tools.language") }, option(t("tools.english"), texts.language === "en", () => texts.setLanguage("en")), option(t("tools.chinese"), texts.language === "zh", () => texts.setLanguage("zh"))),
      h("div", { class: "row" }, h("button", { onclick: () => startTour(bar.parts) }, icon("play"), t("tour.take")), h("button", { onclick: () => askForDemo(bar.parts) }, icon("image"), t("demo.title"))));
  };
  draw();
}
