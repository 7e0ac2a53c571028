// Downloads as the queue does them: how far, cancel, go on; they go on when the dialog or the page is closed.

import * as api from "../kit/api.js";
import { fill, h, icon } from "../kit/dom.js";
import { bytes, number } from "../kit/format.js";
import { poll } from "../kit/poll.js";
import { rowsIn } from "../kit/rows.js";
import { sentence, t } from "../kit/texts.js";
import { attempt } from "../kit/toast.js";

const EVERY_MS = 800;
const OPEN = new Set(["queued", "running", "interrupted"]);

/** `arrived(file, offer)` hears of each that was started here and is there now. */
export class Downloads {
  constructor(base, arrived) {
    Object.assign(this, { base, arrived, mine: new Map(), hidden: new Set() });
    this.node = h("div", { class: "downloads", "aria-live": "polite" });
    this.show = rowsIn(this.node);
  }

  begin() {
    this.polling = poll(() => this.#look(), EVERY_MS);
  }

  end() {
    this.polling?.end();
  }

  start(offer, role) {
    return attempt(async () => {
      const { id } = await api.post(`${this.base}models/download`, { role, source: offer.source, files: offer.files ?? [], name: offer.title ?? offer.name });
      this.mine.set(id, offer);
      await this.polling.now();
    });
  }

  async #look() {
    const open = await api.get("api/models/downloads", null, { quiet: true });
    const ids = new Set(open.map((one) => one.id));
    for (const id of [...this.mine.keys()].filter((one) => !ids.has(one))) {
      const [ended] = (await api.get("api/models/downloads", { id }, { quiet: true })).filter((one) => one.id === id);
      const offer = this.mine.get(id);
      this.mine.delete(id);
      if (ended?.file) this.arrived(ended.file, offer);
    }
    // What failed long ago is the queue's to tell.
    const shown = open.filter((one) => OPEN.has(one.state) || this.mine.has(one.id)).filter((one) => !this.hidden.has(one.id));
    this.show(shown.map((one) => [one.id, one, (first) => this.#row(first)]));
  }

  #row(first) {
    const words = h("span", { class: "muted small" });
    const bar = h("div");
    const progress = h("div", { class: "progress", role: "progressbar", "aria-label": first.name, "aria-valuemin": "0", "aria-valuemax": "100" }, bar);
    const problem = h("p", { class: "problem" });
    const act = (action) => attempt(() => api.post("api/queue/act", { action, ids: [first.id] }).then(() => this.polling.now()));
    const cancel = h("button", { type: "button", class: "link", onclick: () => act("cancel") }, t("kit.cancel"));
    const again = h("button", { type: "button", class: "link", onclick: () => act("retry") }, t("models.go_on"));
    const close = h("button", { type: "button", class: "quiet", "aria-label": t("kit.close"), onclick: () => {
      this.hidden.add(first.id);
      this.polling.now();
    } }, icon("close"));
    const node = h("div", { class: "download" }, h("div", { class: "row tight" }, h("strong", { class: "name" }, first.name), words, h("span", { class: "space" }), again, cancel, close), progress, problem);
    const update = (one) => {
      const share = one.of ? one.done / one.of : 0;
      const isOpen = OPEN.has(one.state);
      fill(words, one.of ? t("models.progress", { done: bytes(one.done), of: bytes(one.of), share: number(100 * share) }) : isOpen ? t("models.starts") : t("models.stopped"));
      bar.style.width = `${100 * share}%`;
      progress.setAttribute("aria-valuenow", String(Math.round(100 * share)));
      fill(problem, one.error ? sentence(one.error) : "");
      cancel.hidden = !isOpen;
      again.hidden = close.hidden = isOpen;
    };
    update(first);
    return { node, update };
  }
}
