// 3. Settings of processing: saved as one changes them; few are seen, the rest unfolds.

import { fill, h } from "../../kit/dom.js";
import { field } from "../../kit/field.js";
import { t } from "../../kit/texts.js";
import { settle } from "../../kit/wait.js";

const BUSY = 409; // another writer holds the version: the same works once it is done
const AGAIN_MS = 2000;
const USUAL = ["width", "height", "repeats", "keep_aspect", "focal_crop", "flip", "split"];
const GROUPS = {
  concept: ["balance_repeats", "existing_caption"],
  sizes: ["small_images", "split_threshold", "overlap_ratio"],
  focal: ["focal_crop_face_weight", "focal_crop_entropy_weight", "focal_crop_edges_weight"],
  multicrop: ["multicrop", "multicrop_mindim", "multicrop_maxdim", "multicrop_minarea", "multicrop_maxarea", "multicrop_objective", "multicrop_threshold"],
  alpha: ["alpha_colour", "alpha_mask"],
};
/** `onchange()` hears of each change. `texts()` are what is set, with what isn't saved yet. */
export function settings(store, onchange) {
  const fields = new Map();
  const unsaved = new Map(); // name -> text
  const node = h("div", { class: "settings" });
  const trigger = h("div", { class: "trigger" }); // where the images come in, as it is what one must know first
  const more = h("details", { class: "settings more" });
  const status = h("span", { class: "muted small", role: "status" });
  let values = {};
  let entries = [];
  let sending = Promise.resolve();

  store.on("settings", (answer) => {
    values = answer.values;
    entries = answer.entries;
    if (!fields.size) draw();
    for (const [name, one] of fields) {
      if (!unsaved.has(name) && one.input !== document.activeElement) one.value = shownOf(name);
    }
    onchange();
  });

  const entryOf = (name) => entries.find((entry) => entry.name === name);
  const isSwitch = (name) => entryOf(name).kind === "bool" || entryOf(name).choices.length > 0;
  const shownOf = (name) => values[name] ?? (isSwitch(name) ? entryOf(name).default : "");

  function draw() {
    const groups = Object.entries(GROUPS).map(([group, names]) =>
      h("fieldset", null, h("legend", null, t(`data.group_${group}`)), h("div", { class: "fields" }, names.map(make))));
    fill(trigger, make("concept"));
    fill(node, h("div", { class: "fields" }, USUAL.map(make)));
    fill(more, h("summary", null, t("data.more_settings")), groups);
  }

  function make(name) {
    const known = entryOf(name);
    const named = known.choices.map((choice) => [choice, t(`data.choice_${choice.replaceAll(" ", "_")}`)]);
    const entry = { ...known, label: t(`data.label_${name}`), options: named.length ? named : undefined };
    const save = settle(() => send(name), 350);
    const made = field(entry, shownOf(name), (text) => {
      unsaved.set(name, text);
      save();
      onchange();
    });
    fields.set(name, made);
    return made.node;
  }

  /** Another setting of the same kind, as a concept's repeats, that has a widget of its own. */
  function set(name, text) {
    unsaved.set(name, text);
    onchange();
    return send(name);
  }

  /** One after another: two at once would find the version being written, by ourselves. */
  function send(name) {
    sending = sending.then(() => sendOne(name));
    return sending;
  }

  async function sendOne(name) {
    const text = unsaved.get(name);
    if (text === undefined) return;
    const say = (sentence) => fields.get(name)?.say(sentence);
    try {
      await store.post("settings", { changes: { [name]: text } });
      if (unsaved.get(name) === text) unsaved.delete(name);
      values = { ...values, [name]: text };
      if (!text) delete values[name];
      say("");
      fill(status, t("data.saved"));
    } catch (error) {
      say(error.message);
      fill(status, error.status === BUSY ? t("data.saved_later") : "");
      if (error.status === BUSY) setTimeout(() => send(name), AGAIN_MS);
    }
  }

  return {
    node,
    more,
    trigger,
    status,
    set,
    changes: () => Object.fromEntries(unsaved),
    texts: () => ({ ...values, ...Object.fromEntries(unsaved) }),
    effective: (name) => unsaved.get(name) || values[name] || entryOf(name)?.default || "",
    names: () => entries.map((entry) => entry.name),
  };
}
