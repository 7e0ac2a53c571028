// One picture in a person's hands: a crop and a painted mask. Processing applies them; the original stays as it is.

import * as api from "../../kit/api.js";
import { fill, h, icon } from "../../kit/dom.js";
import { open } from "../../kit/layers.js";
import { t } from "../../kit/texts.js";
import { attempt, toast } from "../../kit/toast.js";
import { Brush, SIZES } from "./brush.js";
import { CropBox } from "./crop_box.js";

const SHAPES = ["1:1", "2:3", "3:2", "3:4", "4:3", "9:16", "16:9"];
const GROWS = 1.25; // of the brush, with [ and ]

/** Resolves to whether something was saved. `form` are the settings of processing, whose size is a shape, too. */
export async function byHand(store, form, name, mode = "crop") {
  const found = await attempt(() => store.get("by-hand", { name }));
  if (!found) return false;
  const editor = new ByHand(store, form, name, found, mode);
  await attempt(() => editor.brush.load(found.mask));
  return editor.show();
}

class ByHand {
  constructor(store, form, name, found, mode) {
    Object.assign(this, { store, form, name, found, mode, wasCrop: JSON.stringify(found.crop) });
    const scale = Math.min(1, 1600 / Math.max(found.width, found.height));
    this.crop = new CropBox(found.crop, found, () => this.#say());
    this.brush = new Brush({ width: Math.max(1, Math.round(found.width * scale)), height: Math.max(1, Math.round(found.height * scale)) }, () => this.#say());
    const image = h("img", { src: `${store.base}by-hand/picture${api.queryOf({ name })}`, alt: name, draggable: "false" });
    this.stage = h("div", { class: "hand-stage", style: { aspectRatio: `${found.width} / ${found.height}` } }, image, this.brush.node, this.crop.node);
    this.stage.style.setProperty("--shape", found.width / found.height);
    this.words = h("span", { class: "muted small", role: "status" });
    this.problem = h("p", { class: "problem", role: "alert" });
    this.tabs = h("div", { class: "row tight", role: "group", "aria-label": t("picture.what") },
      h("button", { type: "button", onclick: () => this.#go("crop") }, t("picture.crop")),
      h("button", { type: "button", onclick: () => this.#go("mask") }, t("picture.mask")));
    this.tools = h("div", { class: "row tight hand-tools" });
    this.node = h("dialog", { class: "wide data by-hand", "aria-label": t("picture.title", { name }), onkeydown: (event) => this.#key(event) },
      h("div", { class: "row" }, h("h2", null, name), h("span", { class: "space" }), this.tabs),
      this.tools, h("div", { class: "hand-room" }, this.stage), this.problem,
      h("div", { class: "buttons" }, this.words, h("span", { class: "space" }),
        h("button", { type: "button", onclick: () => this.node.close() }, t("kit.cancel")),
        h("button", { type: "button", class: "primary", onclick: () => this.#save() }, t("picture.save"))));
  }

  show() {
    open(this.node);
    this.#go(this.mode);
    return new Promise((resolve) => this.node.addEventListener("close", () => resolve(Boolean(this.saved))));
  }

  #go(mode) {
    this.mode = mode;
    const isCrop = mode === "crop";
    this.stage.classList.toggle("cropping", isCrop);
    [...this.tabs.children].forEach((button, index) => button.setAttribute("aria-pressed", String((index === 0) === isCrop)));
    fill(this.tools, isCrop ? this.#cropTools() : this.#maskTools());
    if (isCrop) this.crop.frame.focus();
    else this.size.focus();
    this.#say();
  }

  #cropTools() {
    const own = `${this.form.effective("width")}:${this.form.effective("height")}`;
    const shapes = [...new Set([own, ...SHAPES])].filter((shape) => /^\d+:\d+$/.test(shape));
    const select = h("select", { "aria-label": t("picture.shape"), onchange: () => {
      const [width, height] = select.value.split(":").map(Number);
      this.crop.shape(height ? width / height : 0);
    } }, h("option", { value: "" }, t("picture.any_shape")), shapes.map((shape) => h("option", { value: shape }, shape)));
    return [select, h("button", { type: "button", onclick: () => ((select.value = ""), this.crop.whole()) }, t("picture.whole")),
      h("span", { class: "muted small" }, t("picture.crop_help"))];
  }

  #maskTools() {
    const tool = (name, words, run) => h("button", { type: "button", "aria-label": words, title: words, onclick: run }, icon(name));
    this.size = h("input", { type: "range", min: String(SIZES.least), max: String(SIZES.most), value: String(this.brush.radius * 2), "aria-label": t("picture.brush"),
      oninput: () => (this.brush.radius = Number(this.size.value) / 2) });
    this.eraser = h("button", { type: "button", "aria-pressed": String(this.brush.isErasing), onclick: () => this.#erase() }, t("picture.erase"));
    return [h("label", { class: "row tight" }, t("picture.brush"), this.size), this.eraser, tool("undo", t("data.undo"), () => this.brush.undo()),
      tool("redo", t("picture.redo"), () => this.brush.redo()),
      h("button", { type: "button", onclick: () => this.brush.apply("invert") }, t("picture.invert")),
      h("button", { type: "button", onclick: () => this.brush.apply("clear") }, t("picture.clear")),
      h("span", { class: "muted small" }, t("picture.mask_help"))];
  }

  #erase() {
    this.brush.isErasing = !this.brush.isErasing;
    this.eraser.setAttribute("aria-pressed", String(this.brush.isErasing));
  }

  #say() {
    const [x, y, width, height] = this.crop.pixels;
    this.words.textContent = t("picture.crop_is", { width, height, x, y });
  }

  #key(event) {
    if (this.mode !== "mask") return;
    else if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "z") event.shiftKey ? this.brush.redo() : this.brush.undo();
    else if (event.key === "[" || event.key === "]") {
      const size = Math.min(SIZES.most, Math.max(SIZES.least, this.brush.radius * 2 * (event.key === "]" ? GROWS : 1 / GROWS)));
      this.brush.radius = size / 2;
      this.size.value = String(size);
    } else if (event.key.toLowerCase() === "e") this.#erase();
    else return;
    event.preventDefault();
  }

  async #save() {
    const { store, name } = this;
    const steps = [];
    try {
      const box = this.crop.isWhole ? [0, 0, 1, 1] : this.crop.box;
      if (JSON.stringify(box) !== this.wasCrop) {
        await store.post("by-hand/crop", { name, box });
        steps.push("crop");
      }
      if (this.brush.isChanged) {
        await api.upload(`${store.base}by-hand/mask${api.queryOf({ name })}`, await this.brush.blob());
        steps.push("mask");
      }
    } catch (error) {
      fill(this.problem, error.message);
      return;
    }
    this.saved = steps.length > 0;
    this.node.close();
    if (this.saved) await told(store, this.form, steps);
  }
}

/** Says what is saved, with its undo. A mask is of use only where transparency is kept, and trained with. */
async function told(store, form, steps) {
  let words = t("picture.saved");
  if (steps.includes("mask")) {
    if (form.effective("alpha_mask") !== "true") await form.set("alpha_mask", "true");
    const plan = await attempt(() => api.post(`${store.base.replace(/data\/$/, "")}plan/settings`, { changes: { alpha_mask: "true" }, seen: {} }));
    const isOn = plan && !plan.errors.alpha_mask && !("alpha_mask" in plan.conflicts);
    words = isOn ? t("picture.saved_mask") : t("picture.saved_mask_plan");
  }
  await store.now();
  const undo = async () => {
    for (let step = 0; step < steps.length; step++) await attempt(() => store.post("by-hand/undo"));
    store.now();
  };
  toast(words, { action: [t("data.undo"), undo] });
}
