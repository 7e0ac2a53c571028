// Sends files, a few at a time. It goes on while the person looks at another panel.

import * as api from "../../kit/api.js";
import { proposalFor } from "./proposal.js";

const AT_ONCE = 3;
const RETRY_MS = [1000, 4000];
const TELL_MS = 120;

const senders = new Map();

/** The one of a version. */
export function senderOf(base) {
  if (!senders.has(base)) senders.set(base, new Sender(`${base}data/uploads/`));
  return senders.get(base);
}

export const isSending = () => [...senders.values()].some((sender) => sender.batches.some((batch) => batch.left));

addEventListener("beforeunload", (event) => isSending() && event.preventDefault());

class Sender extends EventTarget {
  constructor(base) {
    super();
    this.base = base;
    this.batches = [];
    this.active = new Set();
    this.released = new Set(); // numbers of batches that we no longer send
    this.undecided = new Set(); // those of them that are complete
  }

  /** `files` are [{ file, path }]; `target` is what the server is told once all are there. */
  send(files, target) {
    const items = files.map(({ file, path }) => ({ file, path, share: 0, state: "waiting", error: "", tries: 0 }));
    const batch = {
      id: newId(), target, items, next: 0, left: items.length, failed: [], again: [],
      sent: 0, bytes: files.reduce((sum, { file }) => sum + file.size, 0), sentBytes: 0, cancel: new AbortController(),
    };
    this.batches.push(batch);
    this.#fill();
    this.#tell();
  }

  /** Sends what failed once more. */
  retry(batch) {
    batch.again.push(...batch.failed);
    batch.left += batch.failed.length;
    batch.failed = [];
    this.#fill();
    this.#tell();
  }

  /** Stops; what has arrived stays on the server. */
  cancel(batch) {
    batch.cancel.abort();
    this.released.add(batch.id);
    this.#drop(batch);
  }

  /** Has the server take in what has arrived; where folders say what they hold, somebody is asked first. */
  async take(batch) {
    this.#drop(batch);
    if (!batch.sent) return;
    try {
      const proposal = await proposalFor(`${this.base}${batch.id}`, batch.target);
      if (proposal) {
        this.released.add(batch.id); // it waits until somebody has answered
        this.undecided.add(batch.id);
        this.dispatchEvent(new CustomEvent("proposed", { detail: { batch, proposal } }));
      } else await api.post(`${this.base}${batch.id}/take`, batch.target);
    } catch (error) {
      this.released.add(batch.id);
      this.dispatchEvent(new CustomEvent("refused", { detail: error }));
    }
    this.dispatchEvent(new Event("taken"));
  }

  #drop(batch) {
    this.batches = this.batches.filter((other) => other !== batch);
    batch.left = 0;
    this.#tell();
  }

  #fill() {
    while (this.active.size < AT_ONCE) {
      const batch = this.batches.find((one) => one.again.length || one.next < one.items.length);
      if (!batch) return;
      const item = batch.again.shift() ?? batch.items[batch.next++];
      this.active.add(item);
      this.#one(batch, item).finally(() => {
        this.active.delete(item);
        this.#fill();
        this.#tell();
      });
    }
  }

  async #one(batch, item) {
    item.state = "sending";
    try {
      await this.#put(batch, item);
      item.state = "sent";
      batch.sent++;
    } catch (error) {
      if (error.name === "AbortError") return;
      Object.assign(item, { state: "failed", error: error.message });
      this.#progress(batch, item, 0);
      batch.failed.push(item);
    }
    batch.left--;
    if (!batch.left && !batch.failed.length && this.batches.includes(batch)) await this.take(batch);
  }

  /** Tries again by itself where the connection or the server failed, not where the server refused. */
  async #put(batch, item) {
    const path = `${this.base}${batch.id}?path=${encodeURIComponent(item.path)}`;
    for (let turn = 0; ; turn++) {
      try {
        await api.upload(path, item.file, { progress: (share) => this.#progress(batch, item, share), signal: batch.cancel.signal });
        return this.#progress(batch, item, 1);
      } catch (error) {
        const isHopeless = error.name === "AbortError" || (error.status >= 400 && error.status < 500);
        if (isHopeless || turn >= RETRY_MS.length) throw error;
        await new Promise((resolve) => setTimeout(resolve, RETRY_MS[turn]));
        if (batch.cancel.signal.aborted) throw new DOMException("cancelled", "AbortError");
      }
    }
  }

  #progress(batch, item, share) {
    batch.sentBytes += (share - item.share) * item.file.size;
    item.share = share;
    this.#tell();
  }

  #tell() {
    if (this.waiting) return;
    this.waiting = setTimeout(() => {
      this.waiting = 0;
      this.dispatchEvent(new Event("progress"));
    }, TELL_MS);
  }
}

/** 64 random bits; crypto.randomUUID would need a secure context, which a LAN isn't. */
const newId = () => [...crypto.getRandomValues(new Uint8Array(8))].map((byte) => byte.toString(16).padStart(2, "0")).join("");
