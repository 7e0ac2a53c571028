// What the settings mean, beside them: sums, findings, the runs, and the buttons that start them.

import { fill, h, icon } from "../../kit/dom.js";
import { bytes, duration, number } from "../../kit/format.js";
import { labelOf } from "../../kit/names.js";
import { sentence, t } from "../../kit/texts.js";
import { findings } from "./findings.js";
import { lacking } from "./lacking.js";
import { Runs } from "./runs.js";
import { again, start, startLater } from "./start.js";

export class Summary {
  constructor(store, go) {
    Object.assign(this, { store, go });
    this.runs = new Runs(store);
    this.head = h("div", { class: "sums" });
    this.buttons = h("div", { class: "start row" });
    this.findings = h("div", { class: "findings" });
    this.node = h("aside", { class: "plan-aside", "aria-label": t("plan.what_it_means") }, h("div", { class: "card" }, this.head, this.buttons), this.findings, this.runs.node);
    this.strip = h("div", { class: "plan-strip" });
    store.addEventListener("plan", () => this.#draw());
    store.addEventListener("planning", () => this.#mark());
    this.#draw();
  }

  end() {
    this.runs.end();
  }

  #mark() {
    this.node.classList.toggle("is-planning", Boolean(this.store.planning));
    this.node.setAttribute("aria-busy", String(Boolean(this.store.planning)));
  }

  #draw() {
    const { plan } = this.store;
    this.#mark();
    if (!plan) return;
    fill(this.head, plan.problem ? this.#problem(plan) : sums(plan));
    fill(this.buttons, plan.problem ? null : this.#startButtons(plan));
    fill(this.findings, plan.problem ? null : findings(this.store, plan));
    this.runs.update(plan);
    fill(this.strip, plan.problem ? h("span", { class: "problem" }, t("plan.no_plan")) : [h("span", null, brief(plan)), h("span", { class: "space" }), mainButton(this.store, plan, this.go)]);
  }

  #problem(plan) {
    return lacking(this.store, plan, this.go) ?? h("div", { class: "note bad", role: "alert" }, icon("warning"), h("span", null, sentence(plan.problem)));
  }

  #startButtons(plan) {
    const done = plan.states.finished;
    return [
      mainButton(this.store, plan, this.go),
      plan.to_train ? h("button", { onclick: () => startLater(this.store, plan, this.go) }, t("plan.later")) : null,
      plan.to_train ? this.#previews() : null,
      done ? h("button", { class: plan.to_train ? "link" : "", onclick: () => again(this.store, this.go) }, t("plan.again", { n: number(done) })) : null,
    ];
  }

  /** When pictures of the checkpoints are made by themselves. */
  #previews() {
    const choice = (when) => h("option", { value: when, selected: when === this.store.previews }, t(`plan.previews_${when}`));
    return h("label", { class: "previews-when small" }, h("span", null, t("plan.previews")),
      h("select", { onchange: (event) => (this.store.previews = event.target.value) }, ["off", "checkpoint", "run", "batch"].map(choice)));
  }
}

/** Start what can be, or what is missing where some of it is trained; nothing to press where all is, or nothing can be. */
function mainButton(store, plan, go) {
  const refused = plan.impossible ? h("span", { class: "chip bad" }, t("plan.impossible", { n: number(plan.impossible) })) : null;
  if (!plan.to_train) {
    const done = plan.states.queued || plan.states.running ? "plan.all_queued" : "plan.all_trained";
    return refused ?? h("span", { class: "chip good" }, icon("check"), t(done));
  }
  const words = plan.impossible ? "plan.start_possible" : plan.to_train < plan.runs ? "plan.start_missing" : "plan.start";
  return [h("button", { class: "primary", onclick: () => start(store, plan, {}, go) }, icon("play"), t(words, { n: number(plan.to_train) })), refused];
}

const brief = (plan) => t("plan.brief", { runs: number(plan.to_train), time: duration(plan.seconds) });

function sums(plan) {
  const big = (value, label) => h("div", { class: "big" }, h("strong", null, value), h("span", { class: "muted small" }, label));
  const axes = Object.entries(plan.axes);
  const costs = plan.to_train ? [big(duration(plan.seconds), t("plan.time")), big(bytes(plan.disk_bytes), t("plan.disk"))] : null;
  return [
    h("div", { class: "row bigs" }, big(number(plan.runs), t("plan.runs")), costs),
    axes.length ? h("p", { class: "row tight" }, axes.map(([name, values]) => h("span", { class: "axis", title: `${name}: ${values.join(", ")}` }, `${labelOf(name)} × ${values.length}`))) : null,
    h("dl", { class: "sum-lines" }, plan.to_train ? costLines(plan) : null, line(t("plan.engine"), Object.entries(plan.engines).map(([name, count]) => (count < plan.runs ? `${name} × ${number(count)}` : name)).join(", ")), line(t("plan.base"), plan.bases.map((base) => [base.name, base.family].filter(Boolean).join(" · ")).join(", "))),
    whyNew(plan),
    plan.to_train ? packs(plan) : null,
  ];
}

/** What has changed since runs with these very settings were trained; they are trained again, and the others stay. */
function whyNew(plan) {
  const found = Object.entries(plan.why).filter(([why]) => why !== "settings");
  return found.map(([why, n]) => h("p", { class: "note why-new" }, icon("info"), h("span", null, t(`plan.why_${why}`, { n: number(n) }))));
}

const line = (label, value, hint) => [h("dt", null, label), h("dd", { title: hint }, value)];

/** Of what is still to be trained. */
const costLines = (plan) => [
  plan.to_train < plan.runs ? line(t("plan.to_train"), t("plan.of", { n: number(plan.to_train), of: number(plan.runs) })) : null,
  line(t("plan.steps"), number(plan.steps)),
  line(t("plan.images_seen"), number(plan.images_seen)),
  line(t("plan.checkpoints"), number(plan.checkpoints)),
  line(t("plan.packs"), plan.at_once > 1 ? t("plan.packs_at_once", { n: number(plan.packs), k: number(plan.at_once) }) : number(plan.packs), t("plan.packs_help")),
  line(t("plan.memory"), t("plan.about", { size: bytes(plan.memory_bytes) }), t(plan.is_memory_measured ? "plan.memory_measured" : "plan.memory_help")),
];

/** What is trained with how many others, and why. */
function packs(plan) {
  const several = plan.pack_facts.map((pack, at) => ({ ...pack, n: at + 1 })).filter((pack) => pack.runs > 1 || pack.why);
  if (!several.length) return null;
  const size = (pack) => (pack.available ? t("plan.of", { n: bytes(pack.memory_bytes), of: bytes(pack.available) }) : t("plan.about", { size: bytes(pack.memory_bytes) }));
  const told = (pack) => h("li", null, t("plan.pack", { n: number(pack.n), of: number(plan.packs), k: number(pack.runs), time: duration(pack.seconds), size: size(pack) }),
    pack.why ? h("div", { class: "small muted" }, pack.why) : null);
  return h("details", { class: "packs" }, h("summary", null, t("plan.together")), h("ul", { class: "plain" }, several.map(told)),
    plan.packs > plan.pack_facts.length ? h("p", { class: "muted small" }, t("plan.more_packs", { n: number(plan.packs - plan.pack_facts.length) })) : null);
}
