// The captions as the server told them last, and what has been typed but not saved.

import * as api from "../../kit/api.js";

// Typed texts outlive the panel: nobody loses one by looking at another tab. By version, then by caption.
const DRAFTS = new Map();

export class Store {
  token = "";
  head = { undo: "", redo: "", limits: [75] };
  items = new Map();
  names = [];

  constructor(context) {
    this.context = context;
    this.base = `${context.base}captions`;
    if (!DRAFTS.has(this.base)) DRAFTS.set(this.base, new Map());
    this.drafts = DRAFTS.get(this.base);
  }

  /** Asks the server; returns the names of captions that are different now, null where nothing is. */
  async refresh() {
    const answer = await api.get(this.base, { since: this.token });
    if (answer.token === this.token) return null;
    this.token = answer.token;
    if (answer.head) this.head = answer.head;
    for (const item of answer.items) this.items.set(item.name, item);
    if (answer.order) {
      this.names = answer.order;
      const there = new Set(answer.order);
      for (const name of this.items.keys()) if (!there.has(name)) this.items.delete(name);
    }
    return answer.items.map((item) => item.name);
  }

  /** What stands in the editor: the draft, else the caption. */
  textOf(name) {
    return this.drafts.get(name)?.text ?? plain(this.items.get(name)?.text);
  }

  write(name, text) {
    const item = this.items.get(name);
    const draft = this.drafts.get(name);
    if (draft) draft.text = text;
    else if (text !== plain(item?.text)) this.drafts.set(name, { text, before: item.text, problem: "", theirs: undefined });
    if (draft && draft.theirs === undefined && text === plain(draft.before)) this.drafts.delete(name);
  }

  /** Whether somebody else has written the caption since it was begun to be typed. */
  isConflict(name) {
    const draft = this.drafts.get(name);
    const item = this.items.get(name);
    return Boolean(draft && (draft.theirs !== undefined || (item && item.text !== draft.before)));
  }

  /** Saves a draft; returns "saved", "conflict", "problem" or "" where there was nothing to save. */
  async save(name) {
    const draft = this.drafts.get(name);
    if (!draft) return "";
    if (draft.saving) {
      draft.isAsked = true;
      return "";
    }
    if (this.isConflict(name)) return "conflict";
    draft.saving = true;
    const after = draft.text.trim() ? `${draft.text.trimEnd()}\n` : draft.text.trim();
    try {
      const answer = await api.post(`${this.base}/save`, { name, before: draft.before, after });
      if (!answer.saved) {
        draft.theirs = answer.now;
        return "conflict";
      }
      this.items.set(name, { ...this.items.get(name), text: after });
      if (plain(draft.text) === plain(after)) this.drafts.delete(name);
      else draft.before = after; // it was typed on meanwhile
    } catch (error) {
      draft.problem = error.message;
      return "problem";
    } finally {
      draft.saving = false;
    }
    if (draft.isAsked && this.drafts.has(name)) {
      draft.isAsked = false;
      return this.save(name);
    }
    return "saved";
  }

  /** Ends a conflict: `mine` is saved over theirs, else theirs stays. */
  async settle(name, mine) {
    const draft = this.drafts.get(name);
    const theirs = draft.theirs === undefined ? this.items.get(name)?.text ?? null : draft.theirs;
    this.items.set(name, { ...this.items.get(name), text: theirs });
    if (!mine) {
      this.drafts.delete(name);
      return "saved";
    }
    Object.assign(draft, { before: theirs, theirs: undefined });
    return this.save(name);
  }
}

/** Without the line's end, which a person doesn't type. */
export const plain = (text) => (text ?? "").replace(/[\r\n]+$/, "");
