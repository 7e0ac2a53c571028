// Settings by the labels of the form; sd-scripts' names stand beside them where it helps. The services' own sentences
// are said so by the server (ui/labels.py).

import { has, t } from "./texts.js";

export const labelOf = (name) => (has(`argument.${name}`) ? t(`argument.${name}`) : name);

/** `Learning rate (learning_rate)` */
export function named(name) {
  const label = labelOf(name);
  return label.toLowerCase() === name ? label : t("kit.named", { label, name });
}

/** A run's title: `learning_rate 0.0005 · optimizer_type Lion` is `Learning rate 0.0005 · Optimizer Lion`. */
export const titled = (title) => (title ?? "").split(" · ").map(piece).join(" · ");

function piece(text) {
  const [name, ...value] = text.split(" ");
  return value.length && has(`argument.${name}`) ? [labelOf(name), ...value].join(" ") : text;
}

/** A value for a person: a switch is on or off. */
export const valueOf = (text) => (text === "true" ? t("kit.on") : text === "false" ? t("kit.off") : text);
