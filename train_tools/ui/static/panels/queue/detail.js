// One entry: why it failed, its losses, its log as it grows, what happened.

import * as api from "../../kit/api.js";
import { dialog } from "../../kit/dialog.js";
import { fill, h, icon } from "../../kit/dom.js";
import { short, when } from "../../kit/format.js";
import { labelOf } from "../../kit/names.js";
import * as place from "../../kit/place.js";
import { poll } from "../../kit/poll.js";
import { t } from "../../kit/texts.js";
import { attempt } from "../../kit/toast.js";
import { colourOf, curve } from "./curve.js";
import { menuOf } from "./actions.js";
import { remedyOf } from "./remedy.js";
import { strip } from "./strip.js";
import { nameOf, STAGES, stateOf, TONES, whereOf } from "./row.js";

const PARTS = ["past", "log", "settings"];
const MOST_REMEDIES = 2;
const MOST_LOG = 400_000; // characters kept in the page

export async function detail(id, panel) {
  const first = await api.get(`api/queue/${id}`).catch(() => null);
  const entry = panel.store.entries.get(id);
  if (!first || !entry) return place.remember({ entry: "" });
  place.remember({ entry: id });
  const view = new Detail(entry, panel);
  view.show(first);
  const polling = poll(() => view.refresh(), 1500);
  await dialog({ title: nameOf(entry), body: [view.node], buttons: [[t("kit.close"), null]], wide: true });
  polling.end();
  place.remember({ entry: "" });
}

class Detail {
  constructor(entry, panel) {
    Object.assign(this, { id: entry.id, panel, part: "past", log: new Log(entry.id) });
    this.head = h("div", { class: "detail-head" });
    this.reason = h("div");
    this.actions = h("div", { class: "row tight" });
    this.strip = strip();
    this.tabs = h("div", { class: "row tight detail-tabs", role: "tablist" });
    this.told = h("div");
    this.events = h("div");
    this.bodies = { past: h("div", null, this.told, this.strip.node, this.events), log: this.log.node, settings: h("div", { class: "scroll" }) };
    for (const [name, body] of Object.entries(this.bodies)) {
      body.setAttribute("role", "tabpanel");
      body.hidden = name !== this.part;
    }
    fill(this.tabs, PARTS.map((name) => h("button",
      { type: "button", role: "tab", dataset: { part: name }, "aria-selected": String(name === this.part),
      onclick: () => this.choose(name) }, t(`queue.part_${name}`))));
    this.node = h("div", { class: "detail" }, this.head, this.reason, this.actions, this.tabs, Object.values(this.bodies));
  }

  choose(part) {
    this.part = part;
    for (const [name, body] of Object.entries(this.bodies)) body.hidden = name !== part;
    for (const tab of this.tabs.children) tab.setAttribute("aria-selected", String(tab.dataset.part === part));
    this.refresh().catch(() => {});
  }

  async refresh() {
    if (this.part === "log") await this.log.refresh();
    else this.show(await api.get(`api/queue/${this.id}`));
    this.#state();
  }

  #state() {
    const entry = this.panel.store.entries.get(this.id);
    if (!entry) return;
    fill(this.head, h("span", { class: `chip ${TONES[entry.state] || ""}` }, stateOf(entry)),
      h("span", { class: "small muted" }, whereOf(entry)));
    const main = menuOf(entry, this.panel).filter(([, , more]) => more?.main);
    const can = main.map(([label]) => label).join();
    if (this.can !== can) {
      fill(this.actions, main.map(([label, run, { danger }]) => h("button",
        { type: "button", class: danger ? "danger" : "", onclick: run }, label)));
    }
    this.can = can;
    const sentence = entry.state === "failed" || entry.state === "interrupted" ? entry.error : "";
    if (this.sentence === sentence) return;
    this.sentence = sentence;
    const helps = h("div", { class: "helps" });
    fill(this.reason, sentence ? h("div", { class: "note bad", role: "alert" }, icon("warning"),
      h("div", null, h("div", { class: "detail-error" }, sentence), helps)) : null);
    if (sentence) this.#explain(helps);
  }

  /** What is known to help; the error alone where nothing is. */
  async #explain(node) {
    const remedies = await attempt(() => api.get(`api/queue/${this.id}/remedies`));
    if (!remedies || !this.panel.store.entries.has(this.id)) return;
    const entry = this.panel.store.entries.get(this.id);
    const rows = remedies.slice(0, MOST_REMEDIES).map((remedy) => remedyOf(remedy, entry, this.panel));
    fill(node, rows.length ? rows : h("div", { class: "remedy" }, t("queue.no_remedy")));
  }

  show(answer) {
    this.#state();
    const entry = this.panel.store.entries.get(this.id);
    const note = answer.note ? h("p", { class: "small" }, answer.note) : null;
    const losses = entry?.kind === "train" ? curve([[nameOf(entry), answer.points, colourOf(entry)]]) : null;
    const rows = answer.events.map((event) => h("li", { class: event.event === "failed" || event.event === "warning" ? "grave" : "" },
      h("span", { class: "small muted" }, when(event.time)), " ", eventText(event)));
    if (entry) this.strip.update(answer.samples, answer.points, entry);
    fill(this.told, note, losses);
    fill(this.events, h("ol", { class: "events" }, rows.reverse()),
      rows.length ? null : h("p", { class: "muted" }, t("queue.no_events")));
    const values = Object.entries({ ...answer.arguments, ...answer.settings });
    fill(this.bodies.settings, h("p", { class: "small muted mono folder" }, answer.folder), h("table", null, h("tbody", null,
      values.map(([name, value]) => h("tr", null, h("th", { title: name }, labelOf(name)), h("td", { class: "mono" }, String(value)))))));
  }
}

const SAID = new Set(["checkpoint", "resumed", "paused", "finished", "failed", "warning"]);

function eventText(event) {
  if (event.event === "stage") return t(`queue.begins_${STAGES.has(event.stage) ? event.stage : "other"}`);
  const name = SAID.has(event.event) ? event.event : "other";
  const what = event.file || event.text || event.error || "";
  const step = event.step === undefined ? "" : short(event.step);
  return t(`queue.event_${name}`, { what, step, event: event.event });
}

/** The end of train.log, which follows as long as one looks at its end. */
class Log {
  constructor(id) {
    this.id = id;
    this.at = -1;
    this.text = h("pre", { class: "log", tabindex: "0", "aria-label": t("queue.part_log") });
    this.none = h("p", { class: "muted" }, t("queue.log_empty"));
    this.node = h("div", null, this.none, this.text);
  }

  async refresh() {
    const piece = await api.get(`api/queue/${this.id}/log`, { start: this.at });
    const isNew = piece.start !== this.at;
    const isAtEnd = this.text.scrollTop + this.text.clientHeight >= this.text.scrollHeight - 20;
    if (isNew) this.text.textContent = "";
    this.at = piece.end;
    if (piece.text) this.text.append(shown(piece.text));
    if (this.text.textContent.length > MOST_LOG) this.text.textContent = this.text.textContent.slice(-MOST_LOG / 2);
    this.none.hidden = Boolean(this.text.textContent);
    this.text.hidden = !this.none.hidden;
    if (isNew || isAtEnd) this.text.scrollTop = this.text.scrollHeight;
    if (piece.end < piece.size && piece.text) await this.refresh();
  }
}

/** Progress bars write over their line; only what was written last is shown. */
const shown = (text) => text.split("\n").map((line) => line.slice(line.replace(/\r+$/, "").lastIndexOf("\r") + 1)).join("\n");
