// 1. Images come in: what is being sent, what waits, what was refused and why.

import { fill, h, icon } from "../../kit/dom.js";
import { confirm } from "../../kit/dialog.js";
import { bytes, number } from "../../kit/format.js";
import { rowsIn } from "../../kit/rows.js";
import { t } from "../../kit/texts.js";
import { attempt, toast } from "../../kit/toast.js";
import { acceptDrops, choosers } from "./choosers.js";
import { bar, isOpen, jobRow } from "./jobs.js";
import { askProposal, decisionTable, proposalFor } from "./proposal.js";
import { senderOf } from "./sender.js";

const SEEN_KEY = "train-tools.seen-uploads";
const IDLE_S = 20; // without a byte: nobody sends it any more
const MOST_ROWS = 100; // of files that are told one by one

/** `target()` says where files go: { concept } or { reg, repeats }; null where that isn't known. Returns { node, choosers, end }. */
export function uploads(root, store, context, target) {
  const sender = senderOf(context.base);
  const node = h("div", { class: "uploads" });
  const show = rowsIn(node);
  const asking = new Set(); // batches whose folders somebody is asked about
  const seen = new Set(JSON.parse(localStorage.getItem(SEEN_KEY) || "[]"));

  const isLeft = (waiting) => {
    const isOurs = sender.batches.some((batch) => batch.id === waiting.batch);
    const isTaken = store.state.jobs.some((job) => isOpen(job) && job.settings.batch === waiting.batch);
    const isIdle = Date.now() / 1000 - waiting.changed > IDLE_S || sender.released.has(waiting.batch);
    return !isOurs && !isTaken && isIdle && !asking.has(waiting.batch);
  };
  const close = (job) => {
    seen.add(job.name);
    localStorage.setItem(SEEN_KEY, JSON.stringify([...seen].slice(-200)));
    draw();
  };
  const jobs = () => store.state.jobs.filter((job) => job.kind === "intake" && !seen.has(job.name));
  const draw = () => show([
    ...sender.batches.map((batch) => [batch.id, batch, (first) => sendingRow(sender, first)]),
    ...store.state.uploads.filter(isLeft).map((waiting) => [`waiting ${waiting.batch} ${waiting.files}`, waiting, (first) => waitingRow(store, first, target, sender.undecided.has(waiting.batch))]),
    ...jobs().filter((job) => isOpen(job) || job.state === "failed").map((job) => [job.name, job, (first) => jobRow(store, first)]),
    ...jobs().filter((job) => job.has_result && !isOpen(job)).map((job) => [`${job.name} result`, job, (first) => resultRow(store, first, close)]),
  ]);

  const send = (files) => {
    if (!files.length) return toast(t("data.nothing_to_send"), { kind: "error" });
    const to = target();
    if (!to) return;
    sender.send(files, to);
    draw();
  };
  const asked = async ({ detail: { batch, proposal } }) => {
    asking.add(batch.id);
    await attempt(async () => {
      const answer = await askProposal(proposal, batch.target);
      if (answer) await store.post(`uploads/${batch.id}/take`, answer);
    });
    await store.now(); // the job is known before the row could come back
    asking.delete(batch.id);
    draw();
  };
  const listeners = {
    progress: draw,
    proposed: asked,
    taken: () => store.now(),
    refused: (event) => toast(event.detail.message, { kind: "error" }),
  };
  for (const [name, listener] of Object.entries(listeners)) sender.addEventListener(name, listener);
  store.on("state", draw);
  const stopDrops = acceptDrops(root, send);
  return {
    node,
    choosers: () => choosers(send),
    end() {
      stopDrops();
      for (const [name, listener] of Object.entries(listeners)) sender.removeEventListener(name, listener);
    },
  };
}

function sendingRow(sender, batch) {
  const title = h("strong");
  const amount = h("span", { class: "muted small" });
  const whole = bar(t("data.sending_all"));
  const files = h("div");
  const showFiles = rowsIn(files);
  const failed = h("ul", { class: "reasons small" });
  const again = h("button", { class: "primary", onclick: () => sender.retry(batch) }, icon("again"), t("data.send_again"));
  const others = h("button", { onclick: () => sender.take(batch) }, t("data.add_others"));
  const node = h("div", { class: "job" },
    h("div", { class: "row tight" }, title, amount, h("span", { class: "space" }), again, others,
      h("button", { onclick: () => sender.cancel(batch) }, t("kit.cancel"))),
    whole.node, files, failed);
  let told = 0;
  return {
    node,
    update() {
      fill(title, t("data.sending", { n: number(batch.sent), of: number(batch.items.length) }));
      fill(amount, `${bytes(batch.sentBytes)} / ${bytes(batch.bytes)}`);
      whole.set(batch.bytes ? batch.sentBytes / batch.bytes : 0);
      showFiles([...sender.active].filter((item) => batch.items.includes(item)).map((item) => [item.path, item, fileRow]));
      const isStuck = batch.failed.length > 0 && !batch.left;
      again.hidden = !isStuck;
      others.hidden = !isStuck || !batch.sent;
      if (told !== batch.failed.length) fill(failed, batch.failed.slice(0, MOST_ROWS).map((item) => reason(item.path, item.error)));
      told = batch.failed.length;
    },
  };
}

function fileRow(item) {
  const progress = bar(item.path);
  const node = h("div", { class: "sending small" }, h("span", { class: "name" }, item.path), progress.node);
  return { node, update: (now) => progress.set(now.share) };
}

const reason = (name, why) => h("li", null, h("b", null, name), ` – ${why}`);

function waitingRow(store, waiting, target, isUndecided) {
  const act = (path, body) => attempt(async () => {
    await store.post(`uploads/${waiting.batch}/${path}`, body);
    await store.now();
  });
  const take = () => attempt(async () => {
    const to = target();
    if (!to) return;
    const proposal = await proposalFor(`${store.base}uploads/${waiting.batch}`, to);
    const answer = proposal ? await askProposal(proposal, to) : to;
    if (answer) await act("take", answer);
  });
  const discard = async () => {
    const yes = t("data.discard");
    if (await confirm(yes, t("data.discard_sure", { n: number(waiting.files) }), yes, { danger: true })) act("discard");
  };
  const amount = { n: number(waiting.files), size: bytes(waiting.bytes) };
  const node = h("div", { class: "note warn" }, icon("info"),
    h("div", null, h("p", null, isUndecided ? t("data.undecided", amount) : t("data.arrived", amount)),
      h("div", { class: "row tight" },
        h("button", { class: "primary", onclick: take }, t("data.add_them")),
        h("button", { onclick: discard }, t("data.discard")))));
  return { node };
}

function resultRow(store, job, close) {
  const node = h("div", { class: "intake-result" });
  attempt(async () => fill(node, resultOf(await store.get(`jobs/${encodeURIComponent(job.name)}/result`), () => close(job))));
  return { node };
}

function resultOf(result, close) {
  const { decisions = [], changes = [] } = result;
  const { added = 0, there = 0, failed = 0, ignored = 0 } = result.counts;
  const chips = [
    added ? ["good", t("data.n_added", { n: number(added) })] : null,
    there ? ["", t("data.n_there", { n: number(there) })] : null,
    failed ? ["bad", t("data.n_failed", { n: number(failed) })] : null,
    ignored ? ["warn", t("data.n_ignored", { n: number(ignored) })] : null,
  ].filter(Boolean);
  const alike = result.duplicates.map((group) => h("li", null, t("data.look_alike"), " ", h("b", null, group.names.join(", "))));
  const reasons = [...result.items.slice(0, MOST_ROWS).map((item) => reason(item.source, item.reason)), ...alike.slice(0, MOST_ROWS)];
  return [
    h("div", { class: "row tight" }, chips.map(([kind, text]) => h("span", { class: `chip ${kind}` }, text)), h("span", { class: "space" }),
      h("button", { class: "quiet", "aria-label": t("kit.close"), onclick: close }, icon("close"))),
    decisions.length ? h("details", null, h("summary", null, t("data.what_folders_meant")), decisionTable({ decisions, changes })) : null,
    reasons.length ? h("details", { open: failed > 0 }, h("summary", null, t("data.details")), h("ul", { class: "reasons small" }, reasons)) : null,
  ];
}
