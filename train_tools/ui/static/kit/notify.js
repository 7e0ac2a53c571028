// A notification of the browser when runs that were queued together have ended. Asked for by a switch, kept by browser.

import { t } from "./texts.js";

const SWITCH = "train-tools.notify";
const TOLD = "train-tools.told"; // when the newest end was that has been told, seconds since 1970

/** Browsers let pages do so on localhost and on https. */
export const canNotify = () => "Notification" in window && window.isSecureContext;

export const isOn = () => canNotify() && Notification.permission === "granted" && localStorage.getItem(SWITCH) === "on";

/** Returns whether they come from now on; the browser may ask first. */
export async function turn(on) {
  const may = on && canNotify() && (await Notification.requestPermission()) === "granted";
  localStorage.setItem(SWITCH, may ? "on" : "off");
  if (may) localStorage.setItem(TOLD, String(Date.now() / 1000));
  return may;
}

/** `ended`: batches as /api/queue/summary tells them. What ended before the switch was turned is no news. */
export function tell(ended, go) {
  if (!isOn()) return;
  const told = Number(localStorage.getItem(TOLD)) || Date.now() / 1000;
  const news = ended.filter((batch) => batch.ended > told);
  if (!news.length) return;
  localStorage.setItem(TOLD, String(Math.max(...news.map((batch) => batch.ended))));
  for (const batch of news) {
    const said = ["finished", "failed", "cancelled"].filter((state) => batch[state]).map((state) => t(`kit.notify_${state}`, { n: batch[state] }));
    const note = new Notification(t("kit.notify_title", { place: `${batch.project} / ${batch.version}` }),
      { body: said.join(" · "), tag: batch.batch, icon: new URL("icon.svg", location.href).href });
    note.onclick = () => {
      window.focus();
      go({ project: batch.project, version: batch.version, panel: batch.finished ? "compare" : "queue" });
      note.close();
    };
  }
}
