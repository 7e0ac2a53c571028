// Blind votes: two pictures without names, and the ranking that follows from all votes.

import * as api from "../../kit/api.js";
import { fill, h, icon } from "../../kit/dom.js";
import { number } from "../../kit/format.js";
import { t } from "../../kit/texts.js";
import { attempt } from "../../kit/toast.js";

export function mount(root, shared) {
  const stage = h("div", { class: "compare-vote-stage" });
  const side = h("div", { class: "compare-vote-side" });
  fill(root, h("div", { class: "compare-vote", tabindex: "-1", onkeydown: key }, stage, side));
  let pair = null;
  let shown = 0;
  let busy = false;
  let seeRanks = false;

  async function next() {
    try {
      pair = await api.get(`${shared.at}pair`, shared.query);
    } catch (error) {
      pair = null;
      fill(stage, h("div", { class: "empty" }, h("p", null, error.message)));
      return;
    }
    shown = 0;
    draw();
  }

  function draw() {
    const pictures = pair.pictures[shown];
    const one = (side_, key_) => h("button", { class: "compare-vote-picture", "aria-label": t(`compare.better_${side_}`), onclick: () => cast(side_) }, h("img", { src: shared.picture(key_), alt: "", draggable: "false" }));
    fill(stage,
      h("p", { class: "muted small compare-wrap" }, pictures.text),
      h("div", { class: "compare-vote-pair" }, one("a", pictures.a), one("b", pictures.b)),
      h("div", { class: "row compare-vote-buttons" },
        h("button", { class: "primary", onclick: () => cast("a") }, "← ", t("compare.better_a")),
        h("button", { onclick: () => cast("tie") }, "↓ ", t("compare.tie")),
        h("button", { class: "primary", onclick: () => cast("b") }, t("compare.better_b"), " →"),
        h("span", { class: "space" }),
        pair.pictures.length > 1 ? h("button", { onclick: turn }, t("compare.other_pictures", { at: shown + 1, of: pair.pictures.length }), " ↑") : null,
        h("button", { onclick: next }, t("compare.skip")),
        h("button", { onclick: undo }, icon("undo"), t("compare.undo_vote"))),
      h("p", { class: "muted small" }, t("compare.vote_help")));
    drawRanks();
  }

  function turn() {
    shown = (shown + 1) % pair.pictures.length;
    draw();
  }

  async function cast(outcome) {
    if (busy || !pair) return;
    busy = true;
    const pictures = pair.pictures[shown];
    const done = await attempt(() => api.post(`${shared.at}vote`, { a: pair.a, b: pair.b, outcome, cell: `${pictures.a} ${pictures.b}` }));
    busy = false;
    if (done) await next();
  }

  async function undo() {
    if (await attempt(() => api.post(`${shared.at}vote/undo`))) await next();
  }

  function key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey || !pair) return;
    const acts = { ArrowLeft: () => cast("a"), ArrowRight: () => cast("b"), ArrowDown: () => cast("tie"), ArrowUp: turn, z: undo };
    if (!acts[event.key]) return;
    event.preventDefault();
    acts[event.key]();
  }

  async function drawRanks() {
    const button = h("button", { "aria-pressed": String(seeRanks), onclick: () => ((seeRanks = !seeRanks), drawRanks()) }, t("compare.ranking"));
    if (!seeRanks) {
      fill(side, h("h2", null, t("compare.votes", { n: number(pair.votes) })), button, h("p", { class: "muted small" }, t("compare.ranking_hidden")));
      return;
    }
    const ranks = await attempt(() => api.get(`${shared.at}ranking`));
    if (!ranks) return;
    fill(side, h("h2", null, t("compare.votes", { n: number(pair.votes) })), button, h("p", { class: "muted small" }, t("compare.ranking_help")),
      h("ol", { class: "compare-ranks" }, ranks.map((row) => h("li", null,
        h("div", { class: "small compare-wrap" }, nameOf(row), " ", h("span", { class: "muted" }, t("compare.rank_votes", { n: row.games }))),
        h("div", { class: "compare-interval", title: `${percent(row.low)} – ${percent(row.high)}` },
          h("span", { class: "range", style: { left: percent(row.low), width: percent(row.high - row.low) } }), h("span", { class: "point", style: { left: percent(row.chance) } })),
        h("span", { class: "small" }, percent(row.chance))))));
  }

  function nameOf(row) {
    const place = shared.model?.board.checkpoints.id.indexOf(row.id) ?? -1;
    if (place < 0) return row.name || row.id;
    const checkpoint = shared.model.checkpoint(place);
    return `${checkpoint.runLabel} · ${t("compare.axis_epoch")} ${checkpoint.epoch}`;
  }

  (async () => {
    if (!shared.model) await attempt(() => shared.load());
    await next();
    root.firstChild.focus();
  })();
  return {};
}

const percent = (share) => `${Math.round(share * 1000) / 10}%`;
