// What the panel knows of the version: small news again and again, the long lists when their stamps have changed.

import * as api from "../../kit/api.js";
import { poll } from "../../kit/poll.js";

const EVERY_MS = 1000;
const WAIT_MS = 400;
const LISTS = ["originals", "images", "census", "reg", "revisions", "settings"];
const STAMPED_BY = { census: ["images", "reg"] }; // others change with the stamp of their own name

export class Store {
  constructor(base) {
    this.base = `${base}data/`;
    this.values = {};
    this.stamps = {};
    this.listeners = new Map();
    this.loading = new Set();
    this.state = { jobs: [], uploads: [], stamps: {} };
  }

  /** `listener(value)` hears of a list, or of "state" (jobs and uploads), now where it is known and at each change. */
  on(name, listener) {
    if (!this.listeners.has(name)) this.listeners.set(name, new Set());
    this.listeners.get(name).add(listener);
    if (name in this.values) listener(this.values[name]);
  }

  start() {
    this.polling = poll(() => this.#ask(), EVERY_MS);
  }

  end() {
    this.polling?.end();
    this.listeners.clear();
  }

  now() {
    return this.polling?.now();
  }

  get = (path, query) => api.get(this.base + path, query);
  post = (path, body) => api.post(this.base + path, body);

  /** Asks for what takes a while until it is there. */
  async later(ask) {
    for (;;) {
      const answer = await ask();
      if (!answer.waiting) return answer;
      await new Promise((resolve) => setTimeout(resolve, WAIT_MS));
    }
  }

  async #ask() {
    const state = await this.get("state");
    this.state = state;
    this.#tell("state", state);
    await Promise.all(LISTS.filter((name) => this.listeners.has(name)).map((name) => this.#load(name)));
  }

  async #load(name) {
    const stamp = (STAMPED_BY[name] ?? [name]).map((part) => this.state.stamps[part]).join("-");
    if (this.stamps[name] === stamp || this.loading.has(name)) return;
    this.loading.add(name);
    try {
      const answer = await this.later(() => this.get(name));
      this.stamps[name] = answer.stamp; // may be an earlier one: then the next turn asks again
      this.values[name] = name === "settings" ? answer : answer.value;
      this.#tell(name, this.values[name]);
    } finally {
      this.loading.delete(name);
    }
  }

  #tell(name, value) {
    for (const listener of this.listeners.get(name) ?? []) listener(value);
  }
}
