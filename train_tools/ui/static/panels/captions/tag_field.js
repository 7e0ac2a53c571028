// A field for a tag or several that are taken with Enter.

import { h, icon } from "../../kit/dom.js";
import { t } from "../../kit/texts.js";
import { suggesting } from "./suggest.js";

/** { node, focus() }; `onpick(text)` gets `a, b`. */
export function tagField(panel, { label, onpick }) {
  const send = (text) => {
    input.value = "";
    if (text.trim()) onpick(text.trim());
  };
  const input = h("input", { type: "text", spellcheck: "false", placeholder: label, "aria-label": label });
  const offered = suggesting(input, panel, { pick: send });
  input.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || event.isComposing) return;
    offered.close();
    send(input.value);
    event.preventDefault();
  });
  const button = h("button", { type: "button", "aria-label": label, title: label, onclick: () => send(input.value) }, icon("plus"));
  return { node: h("div", { class: "row tight tag-field" }, input, button), focus: () => input.focus() };
}
