import { t } from "../../kit/texts.js";
import { toast } from "../../kit/toast.js";

/** Lays settings over the fields and offers the way back. */
export function apply(store, changes, sentence) {
  const before = store.setMany(changes);
  toast(sentence, { action: [t("plan.undo"), () => store.setMany(before)] });
}
