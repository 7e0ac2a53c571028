// What the queue does, in a few words; a click leads there.

import * as api from "../kit/api.js";
import { fill, h } from "../kit/dom.js";
import * as place from "../kit/place.js";
import { isOn, tell } from "../kit/notify.js";
import { poll } from "../kit/poll.js";
import { t } from "../kit/texts.js";

const EVERY_MS = 4000;

export function queueChip() {
  const node = h("button", { class: "chip queue-chip", id: "bar-queue", hidden: true, onclick: () => place.go({ panel: "queue" }) });
  let known = null;
  const draw = () => {
    const { running = 0, waiting = 0, failed = 0, kinds = {} } = known ?? {};
    node.hidden = !(running || waiting || failed);
    node.className = `chip queue-chip ${running ? "accent" : failed ? "bad" : ""}`;
    const words = [...Object.entries(kinds).map(([kind, n]) => (kind === "train" ? t("bar.training", { n }) : t("bar.doing", { n, what: t(`queue.kind_${kind}`) }))),
      waiting && t("bar.waiting", { n: waiting }), failed && t("bar.failed", { n: failed })];
    fill(node, words.filter(Boolean).join(" · "));
    node.title = t("page.queue");
  };
  poll(async () => {
    known = await api.get("api/queue/summary");
    tell(known.ended, place.go);
    draw();
  }, EVERY_MS, { hidden: isOn });
  return { node, draw };
}
