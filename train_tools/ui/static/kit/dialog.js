import { append, fill, h } from "./dom.js";
import { open } from "./layers.js";
import { sentence, t } from "./texts.js";

/**
 * A modal question. `body` are nodes; `buttons` are [label, value, class]; resolves to the value of the pressed one,
 * null when it was closed. `check` may return a sentence that keeps it open.
 */
export function dialog({ title, body = [], buttons, check, wide = false }) {
  return new Promise((resolve) => {
    const problem = h("p", { class: "problem", role: "alert" });
    const form = h("form", { method: "dialog" });
    const node = h("dialog", { class: wide ? "wide" : "", "aria-label": title, onclose: () => finish(null) }, form);
    let done = false;
    let asking = false;
    const finish = (value) => {
      if (done) return;
      done = true;
      node.close();
      resolve(value);
    };
    /** One answer at a time: who presses twice means it once. */
    const press = async (value) => {
      if (asking && value !== null) return;
      asking = true;
      try {
        const wrong = value !== null && check ? await check(value) : "";
        if (wrong) fill(problem, typeof wrong === "string" ? sentence(wrong) : wrong);
        else finish(value);
      } finally {
        asking = false;
      }
    };
    const foot = buttons.map(([label, value, kind = ""]) =>
      h("button", { type: "button", class: kind, onclick: () => press(value) }, label));
    append(form, [h("h2", null, title), body, problem, h("div", { class: "buttons" }, foot)]);
    form.addEventListener("submit", (event) => event.preventDefault()); // layers.js presses the button for Enter
    open(node);
    (form.querySelector("input, textarea, select") ?? foot[foot.length - 1]).focus();
  });
}

export async function confirm(title, sentence, yes, { danger = false } = {}) {
  const answer = await dialog({
    title,
    body: [h("p", null, sentence)],
    buttons: [[t("kit.cancel"), null], [yes, true, danger ? "danger" : "primary"]],
  });
  return answer === true;
}

/** One line of text; `check(text)` may be async and returns a sentence where the text can't be taken. */
export async function ask(title, label, value, yes, check) {
  const input = h("input", { type: "text", value, spellcheck: "false", autocomplete: "off" });
  const answer = await dialog({
    title,
    body: [h("label", { class: "field" }, h("span", { class: "label" }, label), input)],
    buttons: [[t("kit.cancel"), null], [yes, true, "primary"]],
    check: () => (input.value.trim() ? check?.(input.value.trim()) : t("kit.needed")),
  });
  return answer ? input.value.trim() : null;
}

/** A menu below a button. `items` are [label, function, {danger, disabled}]; null draws a line. */
export function menu(button, items) {
  document.querySelector(".menu")?.remove();
  const node = h("div", { class: "menu", role: "menu" });
  const close = () => {
    node.remove();
    document.removeEventListener("pointerdown", outside, true);
    removeEventListener("popstate", close);
    button.setAttribute("aria-expanded", "false");
  };
  const outside = (event) => !node.contains(event.target) && close();
  for (const item of items) {
    if (!item) {
      node.append(h("hr"));
      continue;
    }
    const [label, run, { danger, disabled } = {}] = item;
    node.append(h("button", { role: "menuitem", class: danger ? "danger" : "", disabled, onclick: () => (close(), button.focus(), run()) }, label));
  }
  node.addEventListener("keydown", (event) => {
    const all = [...node.querySelectorAll("button:not([disabled])")];
    const at = all.indexOf(document.activeElement);
    if (event.key === "ArrowDown") all[(at + 1) % all.length].focus();
    else if (event.key === "ArrowUp") all[(at - 1 + all.length) % all.length].focus();
    else if (event.key === "Home") all[0].focus();
    else if (event.key === "End") all[all.length - 1].focus();
    else if (event.key === "Escape" || event.key === "Tab") (close(), button.focus());
    else return;
    event.preventDefault();
  });
  document.body.append(node);
  const box = button.getBoundingClientRect();
  node.style.top = `${Math.min(box.bottom + 4, innerHeight - node.offsetHeight - 8)}px`;
  node.style.left = `${Math.max(8, Math.min(box.left, innerWidth - node.offsetWidth - 8))}px`;
  button.setAttribute("aria-expanded", "true");
  document.addEventListener("pointerdown", outside, true);
  addEventListener("popstate", close);
  node.querySelector("button")?.focus();
}
