import * as api from "./api.js";
import { fill, h } from "./dom.js";
import { bytes } from "./format.js";

const BETWEEN_MS = 400;

/**
 * Waits for work that the server answers with a number (`ui/tasks.py`) and gives its result; null where newer work of the
 * same kind took its place. `progress` gets the answers in between.
 */
export async function finished(answer, { progress, signal } = {}) {
  while (answer.state === "running") {
    progress?.(answer);
    await new Promise((resolve) => setTimeout(resolve, BETWEEN_MS));
    signal?.throwIfAborted();
    answer = await api.get(`api/tasks/${answer.task}`, null, { signal });
  }
  if (answer.state === "failed") throw new api.ApiError(answer.error, 400);
  return answer.state === "done" ? answer.result : null;
}

/** The same with a bar in the corner while it takes. `unit` turns done and of into words. */
export async function watched(title, answer, unit = bytes) {
  const bar = h("div");
  const words = h("span", { class: "muted small" });
  const node = h("div", { class: "toast", role: "status" }, h("span", null, title, " ", words, h("div", { class: "progress" }, bar)));
  const progress = ({ done, of }) => {
    if (!node.isConnected) document.getElementById("toasts").append(node);
    bar.style.width = of ? `${(100 * done) / of}%` : "0";
    fill(words, of ? `${unit(done)} / ${unit(of)}` : "");
  };
  try {
    return await finished(answer, { progress });
  } finally {
    node.remove();
  }
}
