// Asks again and again while the page is looked at. `work` may throw: the next try comes later, up to 10 times as late.

export function poll(work, every) {
  let timer = 0;
  let failures = 0;
  let ended = false;
  const turn = async () => {
    clearTimeout(timer);
    if (ended) return;
    if (!document.hidden) {
      try {
        await work();
        failures = 0;
      } catch (error) {
        if (error.status === undefined && error.name !== "AbortError") console.error(error);
        failures = Math.min(failures + 1, 9);
      }
    }
    if (!ended) timer = setTimeout(turn, every * (1 + failures));
  };
  const shown = () => !document.hidden && turn();
  document.addEventListener("visibilitychange", shown);
  turn();
  return {
    now: turn,
    end() {
      ended = true;
      clearTimeout(timer);
      document.removeEventListener("visibilitychange", shown);
    },
  };
}
