// 4. What training will see: counts, checks with their fix, buckets, the pictures themselves.

import { fill, h, icon } from "../../kit/dom.js";
import { bytes, number } from "../../kit/format.js";
import { t } from "../../kit/texts.js";
import { bucketChart } from "./chart.js";
import { PictureGrid, fileOf } from "./grid.js";
import { showRevisions } from "./revisions.js";
import { terms, view } from "./viewer.js";

const MOST_NAMES = 30;
const KINDS = { error: "bad", warning: "warn", hint: "" };

export function result(store, context, settings) {
  const facts = h("div", { class: "summary" });
  const stale = h("div");
  const grid = new PictureGrid({ context, label: t("data.training_images"), open });
  const pictures = h("details", { class: "all-pictures", open: true }, h("summary", null, t("data.all_training_images")), grid.node);
  const next = h("button", { class: "primary", onclick: () => context.go({ panel: "captions" }) }, t("data.go_on"), icon("right"));
  const revisions = h("button", { onclick: () => showRevisions(store, context) }, icon("again"), t("data.revisions"));
  const body = h("div", null, stale, facts, pictures);
  const empty = h("p", { class: "muted" }, t("data.no_training_images"));
  const node = h("section", { class: "card result", "aria-label": t("data.training_images") },
    h("div", { class: "row" }, h("h2", null, t("data.training_images")), h("span", { class: "space" }), revisions, next), empty, body);

  store.on("images", (rows) => {
    grid.show(rows.map(([file, time, hasCaption]) => ({
      key: file, file, token: time, name: file.split("/").pop(), folder: file.split("/")[2], hasCaption, marks: hasCaption ? [["", t("data.mark_caption")]] : [],
    })));
    empty.hidden = rows.length > 0;
    body.hidden = next.hidden = rows.length === 0;
  });
  store.on("revisions", (list) => (revisions.hidden = !list.length));
  store.on("census", (found) => (fill(facts, factsOf(found, context)), drawStale()));
  store.on("originals", drawStale);
  store.on("settings", drawStale);

  /** Whether the originals or the settings aren't those of the current revision. */
  function drawStale() {
    const list = store.values.originals;
    const made = store.values.census?.settings;
    if (!list?.is_processed || !made) return fill(stale);
    const fresh = list.rows.filter((row) => row[5] === 0).length;
    const other = settings.names().filter((name) => name in made && settings.effective(name) !== (made[name] || settings.effective(name)));
    const parts = [
      fresh ? t("data.n_new", { n: number(fresh) }) : "",
      list.retouched.length ? t("picture.n_retouched", { n: number(list.retouched.length) }) : "",
      list.gone.length ? t("data.n_gone", { n: number(list.gone.length) }) : "",
      other.length ? t("data.n_settings", { names: other.map((name) => t(`data.label_${name}`)).join(", ") }) : "",
    ].filter(Boolean);
    fill(stale, parts.length ? h("div", { class: "note warn" }, icon("info"), h("div", null, parts.join(" "), " ", t("data.process_again"))) : null);
  }

  async function open(index) {
    const at = await view(context, grid.rows, index, async (row) => {
      const caption = row.hasCaption ? await (await fetch(fileOf(context, row.file.replace(/\.[^.]*$/, ".txt")))).text() : "";
      return terms([[t("data.folder"), row.folder], [t("data.caption"), caption]]);
    });
    if (at < grid.rows.length) grid.selection.only(at);
    grid.node.focus();
  }

  return { node, end: () => grid.end() };
}

function factsOf({ census, charts, findings, problem, has_base: hasBase }, context) {
  if (!census.images) return null;
  return [
    h("div", { class: "numbers" },
      fact(number(census.images), t("data.fact_images")),
      fact(number(census.images_per_epoch), t("data.fact_epoch")),
      fact(bytes(census.image_bytes), t("data.fact_bytes")),
      census.revision ? fact(`#${census.revision}`, t("data.fact_revision")) : null),
    h("div", { class: "halves" },
      h("div", null, conceptTable(census), checks(findings, problem)),
      h("div", null, hasBase ? charts.map(bucketChart) : noBase(context))),
  ];
}

/** Into which sizes images go is the base model's affair. */
const noBase = (context) => h("p", { class: "muted" }, t("data.no_base"), " ", h("button", { class: "link", onclick: () => context.go({ panel: "plan" }) }, t("data.choose_base")));

const fact = (value, words) => h("div", { class: "fact" }, h("strong", null, value), h("span", { class: "muted small" }, words));

function conceptTable(census) {
  const head = [t("data.concept"), t("data.fact_images"), t("data.label_repeats"), t("data.shown"), t("data.without_caption")];
  return h("div", { class: "scroll" }, h("table", { class: "small" },
    h("thead", null, h("tr", null, head.map((text) => h("th", null, text)))),
    h("tbody", null, census.concepts.map((one) => h("tr", null,
      [one.concept, number(one.images), number(one.repeats), number(one.images * one.repeats), number(one.missing_captions + one.empty_captions)].map((text) => h("td", null, text)))))));
}

function checks(findings, problem) {
  const rows = findings.map((found) => {
    const id = found.id.replaceAll("-", "_");
    const values = { n: number(found.where.length), names: found.where.slice(0, 3).join(", ") };
    return h("div", { class: `note ${KINDS[found.severity]}` }, icon(found.severity === "hint" ? "info" : "warning"),
      h("div", null, h("b", null, t(`data.check_${id}`, values)), h("div", { class: "small" }, t(`data.fix_${id}`)), names(found)));
  });
  return h("section", { class: "checks" }, h("h3", null, t("data.checks")),
    problem ? h("div", { class: "note bad" }, icon("warning"), problem) : null,
    rows.length || problem ? rows : h("div", { class: "note good" }, icon("check"), t("data.nothing_found")));
}

function names(found) {
  if (found.where.length < 2) return null;
  const more = found.where.length - MOST_NAMES;
  return h("details", { class: "small" }, h("summary", null, t("data.which")),
    found.where.slice(0, MOST_NAMES).join(", "), more > 0 ? ` … +${number(more)}` : "");
}
