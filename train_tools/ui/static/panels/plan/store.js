// What the Plan panel holds: settings that are saved, what was typed and isn't yet, and the plan that both make.

import * as api from "../../kit/api.js";
import { finished } from "../../kit/task.js";
import { settle } from "../../kit/wait.js";

const SAVE_MS = 700;
const PLAN_MS = 350;
const RETRY_MS = 3000;
const PAGE = `${Math.random().toString(36).slice(2)}`; // this tab's own name

/** Events: values (names whose text came from elsewhere), errors, plan, planning, saving, conflicts. */
export class Store extends EventTarget {
  constructor(base) {
    super();
    Object.assign(this, { base, values: {}, typed: {}, seen: {}, errors: {}, conflicts: {}, unknown: [], revision: "", plan: null, trouble: "", ended: false, planTook: 0, plannedAt: 0 });
    this.saveSoon = settle(() => this.save(), SAVE_MS);
    this.planSoon = settle(() => this.makePlan(), PLAN_MS);
  }

  async load() {
    const shown = await api.get(`${this.base}plan/settings`);
    this.previews = shown.previews;
    this.#take(shown);
    await this.makePlan();
  }

  /** The text of a field, "" for its default. */
  text(name) {
    return this.typed[name] ?? this.values[name] ?? "";
  }

  isSet(name) {
    return this.text(name) !== "";
  }

  /** A person changed a field. */
  set(name, text) {
    if (text === this.text(name)) return;
    this.#type(name, text);
    this.#later();
  }

  /** Several at once, from a preset, a fix, an import; gives the texts that were there before. */
  setMany(changes) {
    const before = Object.fromEntries(Object.keys(changes).map((name) => [name, this.text(name)]));
    for (const [name, text] of Object.entries(changes)) this.#type(name, text);
    this.#tell("values", Object.keys(changes));
    this.#later();
    return before;
  }

  #type(name, text) {
    if (!(name in this.typed)) this.seen[name] = this.values[name] ?? "";
    this.typed[name] = text;
    delete this.errors[name];
    if (text === (this.values[name] ?? "") && !(name in this.conflicts)) this.#forget(name);
  }

  #later() {
    this.saveSoon();
    this.planSoon();
    this.#tell("errors");
    this.#tell("saving");
  }

  #forget(name) {
    delete this.typed[name];
    delete this.seen[name];
    delete this.errors[name];
    delete this.conflicts[name];
  }

  /** Sends what was typed; one call at a time. */
  async save() {
    this.saveSoon.cancel();
    if (this.saving) return this.saving.then(() => this.save());
    const changes = Object.fromEntries(Object.entries(this.typed).filter(([name]) => !(name in this.errors) && !(name in this.conflicts)));
    if (!Object.keys(changes).length) return undefined;
    this.saving = this.#send(changes).finally(() => {
      this.saving = null;
      this.#tell("saving");
    });
    return this.saving;
  }

  async #send(changes) {
    try {
      const saved = await api.post(`${this.base}plan/settings`, { changes, seen: this.seen });
      this.trouble = "";
      for (const [name, text] of Object.entries(changes)) {
        const isNew = this.typed[name] !== text; // typed on meanwhile
        if (name in saved.errors) {
          if (!isNew) this.errors[name] = saved.errors[name];
        } else if (name in saved.conflicts) this.conflicts[name] = saved.conflicts[name];
        else {
          this.values[name] = text; // so that it isn't taken for another window's
          if (isNew) this.seen[name] = text;
          else this.#forget(name);
        }
      }
      this.#take(saved.shown);
      this.#tell("errors");
      this.#tell("conflicts");
    } catch (error) {
      if (error.status === undefined) throw error;
      this.trouble = error.message; // e.g. images are being processed; nothing typed is lost
      if (!this.ended) setTimeout(() => this.save(), RETRY_MS);
    }
  }

  /** Another window's text is taken, or one's own put in its place. */
  decide(name, takeTheirs) {
    const theirs = this.conflicts[name];
    delete this.conflicts[name];
    this.seen[name] = theirs;
    if (takeTheirs) {
      this.#forget(name);
      this.#tell("values", [name]);
    }
    this.#tell("conflicts");
    this.#later();
  }

  /** Whether somebody else has saved something since. Gives the names that came. */
  async look() {
    if (this.saving) return [];
    const shown = await api.get(`${this.base}plan/settings`, { since: this.revision });
    return shown.values && !this.saving ? this.#take(shown) : [];
  }

  #take({ values, unknown, revision }) {
    const names = new Set([...Object.keys(values), ...Object.keys(this.values)]);
    const came = [...names].filter((name) => (values[name] ?? "") !== (this.values[name] ?? "") && !(name in this.typed));
    Object.assign(this, { values, unknown, revision });
    if (came.length) {
      this.#tell("values", came);
      this.planSoon();
    }
    return came;
  }

  /** The plan of what is in the fields; an older one that is still being made is forgotten. */
  async makePlan() {
    this.planSoon.cancel();
    this.planning?.abort();
    const mine = (this.planning = new AbortController());
    const begun = performance.now();
    this.#tell("planning");
    try {
      const plan = await this.planned({}, mine.signal);
      if (!plan || mine !== this.planning) return;
      this.planTook = performance.now() - begun;
      this.takePlan(plan);
    } catch (error) {
      if (error.name === "AbortError") return;
      if (error.status === undefined) throw error;
      this.takePlan({ problem: error.message, field: "" });
    } finally {
      if (mine === this.planning) this.planning = null;
      this.#tell("planning");
    }
  }

  /** A plan with other conditions; the server keeps the newest one of this page. */
  async planned(more, signal) {
    const answer = await api.post(`${this.base}plan`, { page: PAGE, changes: this.typed, ...more }, { signal });
    return finished(answer, { signal });
  }

  /** Milliseconds since the plan was made. */
  get planAge() {
    return performance.now() - this.plannedAt;
  }

  takePlan(plan) {
    this.plan = plan;
    this.plannedAt = performance.now();
    if (!plan.problem) this.known = plan; // what is known of base models while a text is wrong
    this.#tell("plan");
  }

  async start(more) {
    await this.save();
    return api.post(`${this.base}plan/start`, { page: PAGE, changes: this.typed, previews: this.previews, ...more });
  }

  end() {
    this.ended = true;
    this.planning?.abort();
    this.planSoon.cancel();
    this.save().catch(() => {});
  }

  #tell(name, detail) {
    this.dispatchEvent(new CustomEvent(name, { detail }));
  }
}
