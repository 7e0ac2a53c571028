// One edit of several captions at once, done straight away, with its undo.

import * as api from "../../kit/api.js";
import { number } from "../../kit/format.js";
import { finished, watched } from "../../kit/task.js";
import { t } from "../../kit/texts.js";
import { attempt, toast } from "../../kit/toast.js";

/** Resolves to the number of changed captions, undefined where it failed, which is said. */
export function change(panel, edit, filter) {
  return attempt(async () => {
    const { base } = panel.store;
    const seen = await finished(await api.post(`${base}/preview`, { edit, filter }));
    if (!seen) return undefined;
    const done = seen.count
      ? await watched(t("captions.applying"), await api.post(`${base}/apply`, { edit, filter, digest: seen.digest }), number)
      : { count: 0 };
    said(panel, done.count);
    await panel.refresh();
    return done.count;
  });
}

export function said(panel, count) {
  if (count) toast(t("captions.applied", { n: number(count) }), { action: [t("captions.undo"), () => panel.undo()] });
  else toast(t("captions.would_not_change"));
}
