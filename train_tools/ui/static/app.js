import * as api from "./kit/api.js";
import { fill, h, icon } from "./kit/dom.js";
import * as place from "./kit/place.js";
import { isLost, onBack, whenBack } from "./kit/reach.js";
import * as texts from "./kit/texts.js";
import { t } from "./kit/texts.js";
import { toast } from "./kit/toast.js";
import * as theme from "./kit/theme.js";
import * as bar from "./bar.js";

// Each is a module with `export default { mount(root, context) }`, which may return { unmount() }.
const PANELS = ["data", "captions", "plan", "queue", "compare", "tools"];
const WITHOUT_VERSION = new Set(["queue", "tools"]); // what can be seen before there is a project
const WELCOME = "data"; // where the first project is made

const shown = { key: "", panel: null, turn: 0, begun: 0 };
const ASK_AGAIN_MS = 3000;
const JUST_BEFORE_MS = 3000; // a panel that was opened so shortly before the server was missed has read nothing

async function start() {
  const asked = new URLSearchParams(location.search);
  theme.start(asked.get("theme"));
  await texts.load(api.get);
  texts.setLanguage(texts.firstLanguage(asked.get("language")), { keep: false });
  api.setOfflineText(t("kit.offline"));
  const session = await api.get("api/session");
  bar.mount(document.getElementById("bar"), { session, onchange: show });
  context.session = session;
  await bar.load(); // before it no place is known, and going anywhere would lose the one in the address
  texts.onLanguage(() => {
    api.setOfflineText(t("kit.offline"));
    bar.draw();
    shown.key = "";
    show();
  });
  addEventListener("hashchange", show);
  addEventListener("refused", ({ detail }) => context.base && detail.startsWith(context.base) && isStillThere());
  onBack((since) => {
    if (shown.panel && shown.begun > since - JUST_BEFORE_MS) {
      shown.key = "";
      show();
    }
  });
  show();
}

const context = { session: null, project: "", version: "", base: "", go: place.go };

let asking = false;

/** Another window may have deleted or renamed what this one shows. */
async function isStillThere() {
  if (asking) return;
  asking = true;
  const { project, version } = context;
  await bar.load().catch(() => {});
  setTimeout(() => (asking = false), ASK_AGAIN_MS);
  if (!context.base || bar.find(project, version) || isLost()) return;
  toast(t("page.gone", { name: `${project} / ${version}` }), { kind: "error" });
  show();
}

/** Brings the page to where the address says. */
export async function show() {
  const at = place.read();
  const version = bar.find(at.project, at.version);
  const panel = PANELS.includes(at.panel) ? at.panel : WELCOME;
  const here = { project: version ? at.project : "", version: version ? at.version : "", panel };
  if (!version && (at.project || at.version)) place.go({ ...here }, { replace: true, silent: true });
  else if (version) place.remember({}); // however they came here, the next visit comes here too
  Object.assign(context, here, { base: version ? api.versionPath(at.project, at.version) : "" });
  drawTabs(panel, Boolean(version));
  bar.draw();
  const key = `${here.project}/${here.version}/${panel}`;
  if (key === shown.key) return;
  shown.key = key;
  const turn = ++shown.turn;
  shown.begun = Date.now();
  shown.panel?.unmount?.();
  shown.panel = null;
  const root = fill(document.getElementById("panel"), h("div", { class: `panel ${panel}`, id: `panel-${panel}`, role: "tabpanel", "aria-labelledby": `tab-${panel}` })).firstChild;
  if (!version && !WITHOUT_VERSION.has(panel)) {
    shown.panel = bar.welcome(root);
    return;
  }
  const module = await loaded(panel, root, () => turn === shown.turn);
  if (module && turn === shown.turn) shown.panel = module.default.mount(root, { ...context }) || null;
}

/** The panel's module; where the server was gone, a word in its place until it is back. */
async function loaded(panel, root, isWanted) {
  const from = `./panels/${panel}/${panel}.js`;
  try {
    return await import(from);
  } catch (error) {
    // Nothing answers for it: ask the server, which may be gone.
    await api.get("api/session").catch(() => {});
    if (!isLost()) throw error;
  }
  fill(root, h("div", { class: "empty not-loaded" }, h("h2", null, t("page.not_loaded")), h("p", { class: "muted" }, t("page.not_loaded_text")),
    h("button", { onclick: () => api.get("api/session").catch(() => {}) }, icon("again"), t("page.load_again"))));
  await new Promise(whenBack);
  fill(root);
  if (!isWanted()) return null;
  try {
    return await import(`${from}?again=${Date.now()}`);
  } catch {
    location.reload(); // a browser may keep in mind what it couldn't load
    return null;
  }
}

function drawTabs(current, hasVersion) {
  const nav = document.getElementById("tabs");
  const had = nav.contains(document.activeElement);
  fill(nav, PANELS.map((name) =>
    h("button", {
      role: "tab", id: `tab-${name}`, "aria-selected": String(name === current), "aria-controls": "panel",
      tabindex: name === current ? "0" : "-1", disabled: !hasVersion && !WITHOUT_VERSION.has(name) && name !== WELCOME,
      onclick: () => place.go({ panel: name }), onkeydown: moveTab,
    }, t(`page.${name}`))));
  const chosen = nav.querySelector('[aria-selected="true"]');
  if (had) chosen.focus();
  chosen.scrollIntoView({ block: "nearest", inline: "center" }); // a phone shows a part of the tabs
}

function moveTab(event) {
  const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
  if (!step) return;
  const tabs = [...event.target.parentNode.querySelectorAll("button:not([disabled])")];
  const next = tabs[(tabs.indexOf(event.target) + step + tabs.length) % tabs.length];
  next.focus();
  next.click();
  event.preventDefault();
}

start().catch((error) => {
  fill(document.getElementById("panel"), h("p", { class: "problem" }, icon("warning"), " ", error.message));
  if (isLost()) whenBack(() => location.reload());
  else console.error(error);
});
