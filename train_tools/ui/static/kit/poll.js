// Asks again and again while the page is looked at. `work` may throw: the next try comes later, up to 10 times as late,
// or as soon as a server that was gone answers again. `hidden`: also while nobody looks.

import { isLost, onBack } from "./reach.js";

export function poll(work, every, { hidden = () => false } = {}) {
  let timer = 0;
  let failures = 0;
  let ended = false;
  const turn = async () => {
    clearTimeout(timer);
    if (ended) return;
    if (!isLost() && (!document.hidden || hidden())) {
      try {
        await work();
        failures = 0;
      } catch (error) {
        if (error.status === undefined && error.name !== "AbortError") console.error(error);
        failures = isLost() ? 0 : Math.min(failures + 1, 9);
      }
    }
    if (!ended) timer = setTimeout(turn, every * (1 + failures));
  };
  const shown = () => !document.hidden && turn();
  document.addEventListener("visibilitychange", shown);
  const deaf = onBack(() => turn());
  turn();
  return {
    now: turn,
    end() {
      ended = true;
      clearTimeout(timer);
      document.removeEventListener("visibilitychange", shown);
      deaf();
    },
  };
}
