// `{concept}` stands in settings for each image's trigger word. People see the word itself, or that there are several.

import { t } from "../../kit/texts.js";

const CONCEPT = "{concept}";

/** `concepts` are their names. */
export function triggerWords(concepts) {
  const token = concepts.length === 1 ? concepts[0] : t("trigger.each");
  return {
    shown: (text) => text.replaceAll(CONCEPT, token),
    /** What somebody left or typed; one word that is the concept's own stays tied to it. */
    meant: (text) => (concepts.length !== 1 || text.trim() === token ? text.replaceAll(token, CONCEPT) : text),
  };
}
