import { h, icon } from "./dom.js";
import { isLost } from "./reach.js";
import { sentence, t } from "./texts.js";

/**
 * A sentence in the corner; errors stay until they are closed, and `offline` until the server answers again. `action` is
 * [label, function].
 */
export function toast(text, { kind = "done", action } = {}) {
  const close = h("button", { class: "quiet", "aria-label": t("kit.close"), onclick: () => node.remove() }, icon("close"));
  const act = action && h("button", { class: "link", onclick: () => (action[1](), node.remove()) }, action[0]);
  const node = h("div", { class: `toast ${kind}`, role: kind.startsWith("error") ? "alert" : undefined }, h("span", null, text), act, close);
  const box = document.getElementById("toasts");
  box.append(node);
  while (box.children.length > 4) box.firstChild.remove();
  if (!kind.startsWith("error")) setTimeout(() => node.remove(), 5000);
  return node;
}

/** Runs what a person asked for; its error becomes a sentence on the page. Returns undefined where it failed. */
export async function attempt(work) {
  try {
    return await work();
  } catch (error) {
    if (error.name === "AbortError") return undefined;
    toast(sentence(error.message), { kind: isLost() ? "error offline" : "error" });
    if (error.status === undefined) console.error(error);
    return undefined;
  }
}
