import { fill, h, icon } from "./dom.js";
import { reading } from "./halfwidth.js";
import { sentence, t } from "./texts.js";

let nextId = 0;

/**
 * A field for one setting as the server describes it: { name, label?, kind, choices, default, help, allowed, is_axis,
 * several, minimum, maximum, signs }. `value` is text ("" = default). `onchange(text)` is called when it was changed by hand.
 * Fields that take several values are always text fields; choices are offered as one types. `options` ([[value, words]])
 * makes it a choice among these whatever its kind.
 */
export function field(entry, value, onchange) {
  const id = `field-${nextId++}`;
  const half = reading[entry.signs] ?? ((text) => text);
  const read = (from) => (from.type === "checkbox" ? String(from.checked) : half(from.value));
  const input = inputOf(entry, value, (event) => onchange?.(read(event.target)), id);
  const help = h("p", { class: "help", id: `${id}-help`, hidden: true }, entry.help, entry.allowed ? h("span", { class: "allowed" }, ` ${entry.allowed}`) : null);
  const hint = h("p", { class: "small muted", role: "status", hidden: true });
  // While one types, a sign may still be on its way through an input method.
  input.addEventListener("change", () => {
    const typed = input.value;
    hint.hidden = read(input) === typed || input.type === "checkbox";
    if (hint.hidden) return;
    input.value = read(input);
    fill(hint, t("kit.half_width"));
  });
  const problem = h("p", { class: "problem", id: `${id}-problem`, role: "alert" });
  const toggle = h("button", { type: "button", class: "quiet help-button", "aria-label": t("kit.help", { name: entry.label || entry.name }), "aria-expanded": "false",
    onclick: () => {
      help.hidden = !help.hidden;
      toggle.setAttribute("aria-expanded", String(!help.hidden));
    } }, icon("info"));
  input.setAttribute("aria-describedby", `${id}-help ${id}-problem`);
  const axis = entry.is_axis ? h("span", { class: "axis", title: t("kit.axis_help") }, t("kit.axis")) : null;
  const node = h("div", { class: `field ${entry.kind === "bool" && !entry.is_axis && !entry.options ? "switch" : ""}` },
    h("div", { class: "label-row" }, h("label", { for: id, class: "label", title: entry.name }, entry.label || entry.name), axis, toggle), input, help, hint, problem);
  return {
    node,
    input,
    get value() {
      return read(input);
    },
    set value(text) {
      write(input, text);
    },
    /** A sentence below the field, "" takes it away. */
    say(wrong) {
      fill(problem, sentence(wrong ?? ""));
      node.classList.toggle("wrong", Boolean(wrong));
      input.setAttribute("aria-invalid", String(Boolean(wrong)));
    },
  };
}

function inputOf(entry, value, change, id) {
  const several = entry.is_axis || entry.several;
  if (entry.options) {
    const now = entry.options.some(([choice]) => choice === value) ? value : entry.default;
    const options = entry.options.map(([choice, words]) => h("option", { value: choice, selected: choice === now }, words));
    return h("select", { id, onchange: change }, options);
  }
  if (entry.kind === "bool" && !several) {
    return h("input", { id, type: "checkbox", role: "switch", checked: (value || entry.default) === "true", onchange: change });
  }
  if (entry.choices?.length && !several) {
    const options = entry.choices.map((choice) => h("option", { value: choice, selected: choice === (value || entry.default) }, choice));
    return h("select", { id, onchange: change }, options);
  }
  const props = { id, type: "text", value: value ?? "", placeholder: entry.default ?? "", spellcheck: "false", autocomplete: "off", oninput: change };
  if (!entry.choices?.length) return h("input", props);
  const list = h("datalist", { id: `${id}-list` }, entry.choices.map((choice) => h("option", { value: choice })));
  const input = h("input", { ...props, list: `${id}-list` });
  queueMicrotask(() => input.after(list)); // the input has a parent only then
  return input;
}

function write(input, text) {
  if (input.type === "checkbox") input.checked = text === "true";
  else if (input.value !== text) input.value = text;
}
