// Revisions of the training images: the list, what differs from the current one, restore.

import { confirm } from "../../kit/dialog.js";
import { fill, h, icon } from "../../kit/dom.js";
import { number } from "../../kit/format.js";
import { open } from "../../kit/layers.js";
import { t } from "../../kit/texts.js";
import { attempt, toast } from "../../kit/toast.js";
import { thumbOf } from "./grid.js";

const MOST_PAIRS = 24;

export async function showRevisions(store, context) {
  const list = store.values.revisions ?? [];
  const current = list.find((one) => one.is_current);
  const found = h("div", { class: "comparison", role: "status" });
  const node = h("dialog", { class: "wide data", "aria-label": t("data.revisions") },
    h("div", { class: "row" }, h("h2", null, t("data.revisions")), h("span", { class: "space" }),
      h("button", { class: "quiet", "aria-label": t("kit.close"), onclick: () => node.close() }, icon("close"))),
    h("p", { class: "muted" }, t("data.revisions_text")),
    h("div", { class: "scroll" }, h("table", null, h("tbody", null, list.map(row)))), found);

  function row(one) {
    const name = one.number === null ? t("data.by_another_program") : `#${one.number}`;
    return h("tr", null,
      h("td", null, h("b", null, name), one.restored_from ? h("span", { class: "muted small" }, ` ${t("data.restored_from", { n: one.restored_from })}`) : null),
      h("td", null, one.time.replace("T", " ")),
      h("td", null, t("data.n_images", { n: number(one.images) })),
      h("td", null, h("div", { class: "row tight" }, one.is_current ? h("span", { class: "chip good" }, t("data.current")) : acts(one))));
  }

  function acts(one) {
    return [
      current ? h("button", { onclick: () => compare(one) }, t("data.compare")) : null,
      h("button", { onclick: () => restore(one) }, t("data.restore")),
    ];
  }

  async function compare(one) {
    fill(found, t("data.comparing"));
    const answer = await attempt(() => store.later(() => store.get("compare", { old: one.name, new: current.name })));
    fill(found, answer ? comparison(context, answer.value, one) : null);
  }

  async function restore(one) {
    const yes = t("data.restore");
    if (!(await confirm(yes, t("data.restore_sure", { n: one.number ?? one.name }), yes))) return;
    if (!(await attempt(() => store.post("restore", { revision: one.name })))) return;
    node.close();
    toast(t("data.restore_begun"));
    store.now();
  }

  open(node);
}

function comparison(context, found, one) {
  const sum = [
    ["", t("data.n_same", { n: number(found.same) })],
    found.added.length ? ["good", t("data.n_only_new", { n: number(found.added.length) })] : null,
    found.removed.length ? ["bad", t("data.n_only_old", { n: number(found.removed.length) })] : null,
    found.changed.length ? ["warn", t("data.n_other_pixels", { n: number(found.changed.length) })] : null,
    found.captions.length ? ["warn", t("data.n_other_captions", { n: number(found.captions.length) })] : null,
  ].filter(Boolean);
  const changes = [
    ...found.settings.map(({ name, old, new: now }) => [t(`data.label_${name}`), text(old), text(now)]),
    ...Object.entries(found.repeats).map(([concept, [old, now]]) => [t("data.repeats_of", { name: concept }), old, now]),
  ];
  return [
    h("h3", null, t("data.compared", { n: one.number ?? one.name })),
    h("div", { class: "row tight" }, sum.map(([kind, words]) => h("span", { class: `chip ${kind}` }, words))),
    changes.length ? h("table", { class: "small" }, h("thead", null, h("tr", null, [t("data.setting"), t("data.then"), t("data.now")].map((word) => h("th", null, word)))),
      h("tbody", null, changes.map((cells) => h("tr", null, cells.map((cell) => h("td", null, String(cell))))))) : null,
    pairs(context, t("data.other_pixels"), found.changed),
    pairs(context, t("data.only_new"), found.added.map((file) => [file])),
    pairs(context, t("data.only_old"), found.removed.map((file) => [file])),
  ];
}

function text(value) {
  if (typeof value === "boolean") return value ? t("data.on") : t("data.off");
  if (Array.isArray(value)) return value.join(", ") || "–";
  return value === null || value === "" ? "–" : String(value);
}

function pairs(context, title, files) {
  if (!files.length) return null;
  const pictures = files.slice(0, MOST_PAIRS).map((pair) => h("span", { class: "pair" }, pair.map((file) => h("img", { src: thumbOf(context, file, ""), alt: file, title: file, loading: "lazy" }))));
  return h("details", null, h("summary", null, `${title} (${number(files.length)})`), h("div", { class: "made" }, pictures));
}
