// The queue of all projects: what runs, waits and has ended. It only shows what the server says; closing it stops nothing.

import * as api from "../../kit/api.js";
import { fill, h, icon } from "../../kit/dom.js";
import { confirm } from "../../kit/dialog.js";
import * as place from "../../kit/place.js";
import { poll } from "../../kit/poll.js";
import { t } from "../../kit/texts.js";
import { attempt } from "../../kit/toast.js";
import { detail } from "./detail.js";
import { Ended } from "./ended.js";
import { KeyedList } from "./keyed.js";
import { laneHead, laneName } from "./lane.js";
import { openMessages } from "./messages.js";
import { Now } from "./now.js";
import { Several } from "./several.js";
import { Store } from "./store.js";
import { Waiting } from "./waiting.js";

const EVERY = 1500; // milliseconds
const WATCHED_EVERY = 3; // polls

class QueuePanel {
  constructor(root, context) {
    this.context = context;
    this.store = new Store();
    this.opened = null;
    this.turns = 0;
    this.lanes = h("div", { class: "lanes" });
    this.empty = h("div", { class: "empty", hidden: true }, h("h2", null, t("queue.empty")),
      h("p", { class: "muted" }, t("queue.empty_text")));
    this.now = new Now(this);
    this.waiting = h("div");
    this.ended = new Ended(this, () => this.clear());
    this.several = new Several(this, root);
    this.counts = h("div", { class: "row tight" });
    this.heads = new KeyedList(this.lanes, (lane) => this.#lane(lane), (lane) => lane.name);
    this.waits = new KeyedList(this.waiting, (lane) => this.#waiting(lane), (lane) => lane.name);
    fill(root, h("div", { class: "row queue-head" }, h("h1", null, t("page.queue")), this.counts, h("span", { class: "space" }),
      h("button", { id: "queue-tell", onclick: openMessages }, icon("info"), t("queue.tell_me"))), this.lanes, this.empty, this.now.node,
      this.waiting, this.ended.node, this.several.node);
    this.polling = poll(() => this.turn(), EVERY);
    this.ready = this.refresh().then(() => {
      const entry = Number(place.read().query.get("entry"));
      if (entry) this.open(entry);
    });
  }

  async turn() {
    if (await this.store.refresh()) this.draw();
    if (this.turns++ % WATCHED_EVERY === 0) await this.now.drawWatched();
  }

  async refresh() {
    await attempt(async () => {
      if (await this.store.refresh()) this.draw();
    });
  }

  draw() {
    const { store } = this;
    this.heads.show(store.lanes);
    this.waits.show(store.lanes.map((lane) => ({ ...lane, waiting: store.waiting(lane.name) })));
    this.now.show(store.running());
    this.ended.show(store.endedBatches(true), store.endedBatches(false));
    this.several.show();
    this.empty.hidden = store.order.length > 0;
    const tones = { running: "accent", waiting: "", failed: "bad" };
    fill(this.counts, Object.entries(store.counts).filter(([, n]) => n).map(([name, n]) => h("span", { class: `chip ${tones[name]}` },
      t(`queue.count_${name}`, { n }))));
  }

  #lane(lane) {
    const head = laneHead(lane, this);
    const update = (lane) => head.update(lane, this.store.lanes.length === 1);
    update(lane);
    return { node: head.node, update };
  }

  #waiting(lane) {
    const list = new Waiting(this, lane.name);
    const update = (lane) => {
      list.show(lane.waiting);
      if (this.store.lanes.length > 1) list.title.append(` · ${laneName(lane.name)}`);
    };
    update(lane);
    return { node: list.node, update };
  }

  open(id) {
    if (this.opened) return;
    this.opened = detail(id, this).finally(() => (this.opened = null));
  }

  async clear() {
    if (!(await confirm(t("queue.clear"), t("queue.clear_text"), t("queue.clear")))) return;
    await attempt(async () => {
      for (const lane of this.store.lanes) await api.post("api/queue/clear", { lane: lane.name });
    });
    await this.refresh();
  }
}

export default {
  mount(root, context) {
    const panel = new QueuePanel(root, context);
    return { unmount: () => panel.polling.end() };
  },
};
