// What an argument is called for a person.

import { has, t } from "./texts.js";

/** The form's label, where it has one; else sd-scripts' name. */
export const labelOf = (name) => (has(`plan.label_${name}`) ? t(`plan.label_${name}`) : name);
