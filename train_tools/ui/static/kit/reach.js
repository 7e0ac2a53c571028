// Whether the page server answers. One place says so for all panels, asks again by itself, and tells when it is back.

import { h, icon } from "./dom.js";
import { t } from "./texts.js";

const AGAIN_MS = 2000;
const SAID_AFTER_MS = 1500; // a server that is started again just now needs no word
const GATEWAY = new Set([502, 503, 504]); // a webui's door, before a server that is gone

const state = { since: 0, timer: 0, word: null };
const waiting = new Set();

export const isLost = () => state.since > 0;

/** What an answer, or that there was none, means. */
export function heard(status) {
  if (status && !GATEWAY.has(status)) found();
  else lost();
}

/** Calls `work` when the server answers again. */
export function whenBack(work) {
  waiting.add(work);
}

/** Calls `work(since)` each time that it answers again after it was gone; returns what ends that. */
export function onBack(work) {
  const listener = (event) => work(event.detail);
  document.addEventListener("server-back", listener);
  return () => document.removeEventListener("server-back", listener);
}

function lost() {
  if (state.since) return;
  state.since = Date.now();
  state.timer = setTimeout(ask, AGAIN_MS);
  state.word = setTimeout(say, SAID_AFTER_MS);
}

async function ask() {
  try {
    heard((await fetch("api/session", { cache: "no-store" })).status);
  } catch {
    // No answer at all.
  }
  if (state.since) state.timer = setTimeout(ask, AGAIN_MS);
}

function found() {
  if (!state.since) return;
  clearTimeout(state.timer);
  clearTimeout(state.word);
  const { since } = state;
  state.since = 0;
  document.body.classList.remove("no-answer");
  document.getElementById("no-answer")?.remove();
  for (const toast of document.querySelectorAll(".toast.offline")) toast.remove();
  const works = [...waiting];
  waiting.clear();
  for (const work of works) work();
  document.dispatchEvent(new CustomEvent("server-back", { detail: since }));
}

function say() {
  const time = new Date(state.since).toLocaleTimeString(document.documentElement.lang, { hour: "2-digit", minute: "2-digit" });
  document.body.classList.add("no-answer");
  document.getElementById("no-answer")?.remove();
  document.getElementById("tabs").after(h("div", { id: "no-answer", class: "note bad", role: "alert" }, icon("warning"), h("span", null, t("kit.no_answer", { time }))));
}
