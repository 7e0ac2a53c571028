// What belongs to no version: the environment, the program's settings, disk, a LoRA's insides, and about.

import { h } from "../../kit/dom.js";
import { t } from "../../kit/texts.js";
import { about } from "./about.js";
import { disk } from "./disk.js";
import { environment } from "./environment.js";
import { explain } from "./explain.js";
import { lora } from "./lora.js";
import { look } from "./look.js";
import { program } from "./program.js";
import { trash } from "./trash.js";

const SECTIONS = { environment, program, lora, explain, disk, trash, look, about };

export default {
  mount(root, context) {
    const ends = [];
    const cards = Object.entries(SECTIONS).map(([name, make]) => {
      const body = h("div");
      const node = h("section", { class: "card", id: `tools-${name}`, "aria-label": t(`tools.${name}`) }, h("h2", null, t(`tools.${name}`)), body);
      ends.push(make(body, context));
      return node;
    });
    root.append(h("h1", { class: "unseen" }, t("page.tools")), h("div", { class: "tools-cards" }, cards));
    return { unmount: () => ends.forEach((end) => end?.()) };
  },
};
