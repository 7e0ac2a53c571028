// One tag: how often it stands in captions, with what, what it takes from the trigger word, and what goes with it.

import * as api from "../../kit/api.js";
import { dialog } from "../../kit/dialog.js";
import { h } from "../../kit/dom.js";
import { number } from "../../kit/format.js";
import { t } from "../../kit/texts.js";
import { attempt } from "../../kit/toast.js";
import { bulk } from "./bulk.js";

const MOST_PICTURES = 18;

export async function insight(panel, tag) {
  const { project, version } = panel.context;
  const found = await attempt(() => api.post(api.versionPath(project, version, "tags/look"), { tag }));
  if (!found) return;
  let next = null;
  const leave = (then) => () => {
    next = then;
    document.querySelector("dialog[open]").close();
  };
  const n = found.names.length;
  const share = found.of ? Math.round((100 * n) / found.of) : 0;
  const go = (label, run) => h("button", { type: "button", onclick: leave(run) }, label);
  await dialog({
    title: t("insight.title", { tag }), wide: true,
    body: [h("p", null, h("strong", null, t("insight.in", { n: number(n), of: number(found.of), share })), " ",
      t(`insight.role_${found.role}`, { trigger: found.called.join(", "), n: number(found.of - n) })),
      h("div", { class: "progress" }, h("div", { style: { width: `${share}%` } })),
      pictures(panel, found.names), besides(panel, found, leave),
      n ? h("p", { class: "muted" }, t("insight.removing", { n: number(n) }), found.emptied ? ` ${t("insight.emptied", { n: number(found.emptied) })}` : "") : null,
      h("div", { class: "row tight" }, go(t("insight.show"), () => panel.filter.onlyTag(tag)), go(t("insight.remove"), () => bulk(panel, { kind: "remove", tags: tag })),
        go(t("insight.replace"), () => bulk(panel, { kind: "replace", old: tag })))],
    buttons: [[t("kit.close"), null]],
  });
  next?.();
}

function pictures(panel, names) {
  const { project, version } = panel.context;
  const shown = names.slice(0, MOST_PICTURES).map((name) => panel.store.items.get(name)).filter(Boolean);
  return h("div", { class: "insight-pictures" }, shown.map((item) => h("img", { alt: item.image.split("/").pop(), title: item.image.split("/").pop(), width: 72, height: 72,
    src: api.versionPath(project, version, item.image, "thumbs") + api.queryOf({ side: 192, v: item.stamp }) })),
  names.length > MOST_PICTURES ? h("span", { class: "muted" }, t("captions.and_more", { n: number(names.length - MOST_PICTURES) })) : null);
}

function besides(panel, found, leave) {
  if (!found.beside.length) return null;
  const row = (one) => h("tr", null,
    h("td", null, h("button", { type: "button", class: "link", onclick: leave(() => insight(panel, one.tag)) }, one.tag)),
    h("td", null, t("insight.together", { n: number(one.together), of: number(found.names.length) })),
    h("td", { class: "muted" }, one.together === one.count ? t("insight.never_without") : t("insight.of_its", { n: number(one.together), of: number(one.count) })));
  return [h("h3", null, t("insight.beside")), h("div", { class: "scroll insight-beside" }, h("table", { class: "small" }, h("tbody", null, found.beside.map(row))))];
}
