// Every text of the page in two languages; the table comes from the server (ui/words/*.json).

let table = {};
const listeners = new Set();
export let language = "en";

export async function load(get) {
  table = await get("api/texts");
}

/** The text of an id with `{name}` filled in; an unknown id shows itself, which a test finds. */
export function t(id, values = {}) {
  const row = table[id];
  if (!row) console.error(`no text for ${id}`);
  const text = row ? row[language === "zh" ? 1 : 0] : id;
  return text.replace(/\{(\w+)\}/g, (whole, name) => (name in values ? values[name] : whole));
}

const NAMES = new Set(["packed", "auto", "diffusers", "torch", "xformers", "bitsandbytes", "wandb", "lycoris"]);

/** What a service says, as it stands alone on the page: a whole sentence. Names keep their letters. */
export function sentence(text) {
  const [first] = /^[a-z]+(?=[ ,'])/.exec(text) ?? [""];
  const begun = first && !NAMES.has(first) ? first[0].toUpperCase() + text.slice(1) : text;
  if (!begun || /[.!?\u2026:\u3002\uff01\uff1f\uff1a]["'\u201d)\uff09]?$/.test(begun)) return begun;
  return begun + (/[\u4e00-\u9fff]/.test(begun) ? "\u3002" : ".");
}

/** Several of them, in a row. */
export const sentences = (...texts) => texts.filter(Boolean).map(sentence).join(language === "zh" ? "" : " ");

export const has = (id) => id in table;

/** `keep` is for a language that a person chose: it wins over the browser's and the webui's from then on. */
export function setLanguage(chosen, { keep = true } = {}) {
  language = chosen === "zh" ? "zh" : "en";
  document.documentElement.lang = language === "zh" ? "zh-CN" : "en";
  if (keep) localStorage.setItem("train-tools.language", language);
  for (const listener of listeners) listener();
}

export function firstLanguage(asked) {
  const saved = localStorage.getItem("train-tools.language");
  const wanted = saved || asked || navigator.language || "en";
  return wanted.toLowerCase().startsWith("zh") ? "zh" : "en";
}

export const onLanguage = (listener) => listeners.add(listener);
