// What a change of captions is called in the history: `add 'sky'`, `edit 00001.txt`, `caption with wd`.

import { has, t } from "../../kit/texts.js";

const FORMS = [
  [/^edit (.+)$/s, (name) => t("captions.step_edit", { name })],
  [/^caption with (.+)$/s, (what) => t("captions.step_caption", { what })],
  [/^(\w+)(?: (.+))?$/s, (kind, rest) => (has(`captions.edit_${kind}`) ? [t(`captions.edit_${kind}`), rest].filter(Boolean).join(" ") : null)],
];

export function stepName(what) {
  for (const [form, words] of FORMS) {
    const found = form.exec(what);
    const said = found && words(...found.slice(1));
    if (said) return said;
  }
  return what;
}
