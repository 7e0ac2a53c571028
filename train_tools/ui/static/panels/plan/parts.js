// What a base model needs beside it: for the paths of VAE and text encoders, the webui's files are offered.

import * as api from "../../kit/api.js";
import { h } from "../../kit/dom.js";
import { finished } from "../../kit/task.js";

const PARTS = new Set(["vae", "ae", "clip_l", "clip_g", "t5xxl", "gemma2", "qwen3"]);

let asked = null; // once for all fields: { argument: [paths] }

/** Offers them from when the field is first entered. */
export function offerParts(name, input) {
  if (!PARTS.has(name)) return;
  input.addEventListener("focus", async () => {
    asked ??= api.get("api/models").then(finished).then((found) => found.parts, () => ({}));
    const files = (await asked)[name] || [];
    if (!files.length || input.list) return;
    const list = h("datalist", { id: `plan-parts-${name}` }, files.map((file) => h("option", { value: file })));
    input.after(list);
    input.setAttribute("list", list.id);
  }, { once: true });
}
