// Tags to choose from while one is typed. All goes by keyboard: arrows choose, Enter and Tab take, Escape closes.

import * as api from "../../kit/api.js";
import { fill, h, set } from "../../kit/dom.js";
import { number } from "../../kit/format.js";
import { t } from "../../kit/texts.js";
import { settle } from "../../kit/wait.js";

const QUIET_MS = 60;
const AGAIN_MS = 700; // the lists are still being read
const COMMAS = /[,\uff0c\u3001\uff1b\n]/;
let nextId = 0;

/**
 * Offers tags below a text field. `own`: of the captions alone. `pick(tag)` takes one whole; without it, it is written
 * into the text in the place of the tag at the caret.
 */
export function suggesting(input, panel, { own = false, pick } = {}) {
  const id = `suggest-${nextId++}`;
  const list = h("div", { class: "suggest", id, role: "listbox", "aria-label": t("suggest.label"), hidden: true });
  let rows = [];
  let at = -1;
  let turn = 0;

  // A text of several lines is no combobox; it only tells what is marked.
  const isBox = input.tagName !== "TEXTAREA";
  set(input, { autocomplete: "off", "aria-autocomplete": "list", role: isBox ? "combobox" : undefined, "aria-controls": isBox ? id : undefined });
  const expand = (isOpen) => isBox && input.setAttribute("aria-expanded", String(isOpen));
  expand(false);

  const close = () => {
    turn++;
    rows = [];
    at = -1;
    list.remove();
    list.hidden = true;
    expand(false);
    input.removeAttribute("aria-activedescendant");
  };

  const ask = async () => {
    const mine = ++turn;
    const text = pieceAt(input).text.trimStart();
    if (!text || document.activeElement !== input) return close();
    const { project, version } = panel.context;
    const address = api.versionPath(project, version, "tags/offer");
    const found = await api.get(address, { text, own: own ? 1 : undefined }, { quiet: true }).catch(() => null);
    if (mine !== turn) return;
    if (!found?.tags.length || document.activeElement !== input) close();
    else show(found.tags);
    if (found?.waiting) setTimeout(() => mine === turn && ask(), AGAIN_MS);
    return undefined;
  };
  const later = settle(ask, QUIET_MS);

  function show(tags) {
    rows = tags;
    at = -1;
    fill(list, tags.map((one, index) => h("div", { role: "option", id: `${id}-${index}`, class: `suggest-row kind-${one.category}`,
      onpointerdown: (event) => (event.preventDefault(), take(index)) },
      h("span", { class: "suggest-tag" }, one.tag, one.alias ? h("span", { class: "muted" }, ` ← ${one.alias}`) : null),
      one.own ? h("span", { class: "chip accent" }, t("suggest.own", { n: number(one.own) })) : null,
      one.count ? h("span", { class: "muted small" }, short(one.count)) : null)));
    (input.closest("dialog") ?? document.body).append(list);
    list.hidden = false;
    place();
    mark();
    expand(true);
  }

  function place() {
    const box = input.getBoundingClientRect();
    const width = Math.min(Math.max(box.width, 260), innerWidth - 16);
    list.style.width = `${width}px`;
    list.style.left = `${Math.max(8, Math.min(box.left, innerWidth - width - 8))}px`;
    const room = innerHeight - box.bottom;
    const above = room < list.offsetHeight + 8 && box.top > room;
    list.style.top = above ? `${Math.max(4, box.top - list.offsetHeight - 3)}px` : `${box.bottom + 3}px`;
  }

  function mark() {
    [...list.children].forEach((node, index) => {
      node.setAttribute("aria-selected", String(index === at));
      if (index === at) node.scrollIntoView({ block: "nearest" });
    });
    if (at >= 0) input.setAttribute("aria-activedescendant", `${id}-${at}`);
    else input.removeAttribute("aria-activedescendant");
  }

  function take(index) {
    const { tag } = rows[index];
    close();
    if (pick) return pick(tag);
    const { start, end } = pieceAt(input);
    const behind = input.value.slice(end);
    const text = `${start && !/\s$/.test(input.value.slice(0, start)) ? " " : ""}${tag}${behind.trim() ? "" : ", "}`;
    input.setRangeText(text, start, end, "end");
    input.dispatchEvent(new Event("input", { bubbles: true }));
    close();
    later.cancel();
    return undefined;
  }

  const key = (event) => {
    if (event.isComposing || list.hidden || event.ctrlKey || event.metaKey || event.altKey) return;
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step) at = at < 0 && step < 0 ? rows.length - 1 : at + step >= rows.length ? -1 : at + step;
    else if ((event.key === "Enter" || event.key === "Tab") && at >= 0) take(at);
    else if (event.key === "Escape") close();
    else return;
    if (step) mark();
    event.preventDefault();
    event.stopImmediatePropagation();
  };
  // Before the field's own listeners, which take Enter and arrows for themselves.
  input.addEventListener("keydown", key, true);
  input.addEventListener("input", (event) => !event.isComposing && later());
  input.addEventListener("compositionend", () => later());
  input.addEventListener("blur", () => (later.cancel(), close()));
  return { close: () => (later.cancel(), close()) };
}

/** The tag at the caret: { text, start, end }. */
function pieceAt(input) {
  const { value } = input;
  const caret = input.selectionEnd ?? value.length;
  let start = caret;
  while (start > 0 && !COMMAS.test(value[start - 1])) start--;
  let end = caret;
  while (end < value.length && !COMMAS.test(value[end])) end++;
  while (start < caret && /\s/.test(value[start])) start++;
  return { text: value.slice(start, caret), start, end };
}

const short = (count) => Intl.NumberFormat("en", { notation: "compact", maximumFractionDigits: 1 }).format(count);
