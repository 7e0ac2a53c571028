// A question with a few fields. What the server says against it stands below them, and the question stays.

import { dialog } from "../kit/dialog.js";
import { h } from "../kit/dom.js";
import { t } from "../kit/texts.js";

export const textField = (label, value = "") => {
  const input = h("input", { type: "text", value, spellcheck: "false", autocomplete: "off" });
  return { input, node: h("label", { class: "field" }, h("span", { class: "label" }, label), input) };
};

export const tick = (label, checked = true) => {
  const input = h("input", { type: "checkbox", checked });
  return { input, node: h("label", { class: "row tick" }, input, h("span", null, label)) };
};

export const choice = (label, options, value) => {
  const input = h("select", null, options.map(([name, text]) => h("option", { value: name, selected: name === value }, text)));
  return { input, node: h("label", { class: "field" }, h("span", { class: "label" }, label), input) };
};

/** `send()` asks the server and may throw; gives what it returned, undefined where the question was closed. */
export async function form({ title, text, fields, yes, send, danger = false }) {
  let answer;
  const first = fields.find((field) => field.input.type === "text");
  const done = await dialog({
    title,
    body: [text ? h("p", { class: "muted" }, text) : null, ...fields.map((field) => field.node)],
    buttons: [[t("kit.cancel"), null], [yes, true, danger ? "danger" : "primary"]],
    check: async () => {
      if (first && !first.input.value.trim()) return t("kit.needed");
      try {
        answer = await send();
        return "";
      } catch (error) {
        first?.input.setAttribute("aria-invalid", "true");
        if (error.status === undefined) throw error;
        return error.message;
      }
    },
  });
  return done ? answer : undefined;
}
