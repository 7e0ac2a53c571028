// The queue as the server told it last. Answers hold only what has changed.

import * as api from "../../kit/api.js";

export class Store {
  token = "";
  lanes = [];
  counts = { running: 0, waiting: 0, failed: 0 };
  order = [];
  entries = new Map();

  /** Asks the server; returns whether something is different now. */
  async refresh() {
    const answer = await api.get("api/queue", { since: this.token });
    if (answer.token === this.token) return false;
    this.token = answer.token;
    if (answer.head) ({ lanes: this.lanes, counts: this.counts } = answer.head);
    for (const entry of answer.items) this.entries.set(entry.id, entry);
    if (answer.order) {
      this.order = answer.order;
      const there = new Set(answer.order);
      for (const id of this.entries.keys()) if (!there.has(id)) this.entries.delete(id);
    }
    return true;
  }

  all() {
    return this.order.map((id) => this.entries.get(id));
  }

  running() {
    return this.all().filter((entry) => entry.state === "running");
  }

  /** What waits or is paused, in the order of a lane. */
  waiting(lane) {
    return this.all().filter((entry) => entry.lane === lane && isWaiting(entry));
  }

  /** Ended trainings, or all other work that has ended, by batch: { key, entries, ended }, the latest first. */
  endedBatches(isTraining) {
    const batches = new Map();
    for (const entry of this.all()) {
      if (!hasEnded(entry) || (entry.kind === "train") !== isTraining) continue;
      const key = entry.batch || `entry-${entry.id}`;
      if (!batches.has(key)) batches.set(key, { key, entries: [], ended: 0 });
      const batch = batches.get(key);
      batch.entries.push(entry);
      batch.ended = Math.max(batch.ended, entry.ended || entry.added);
    }
    return [...batches.values()].sort((a, b) => b.ended - a.ended);
  }
}

export const isWaiting = (entry) => ["queued", "interrupted", "paused"].includes(entry.state);
export const hasEnded = (entry) => ["finished", "failed", "cancelled"].includes(entry.state);
