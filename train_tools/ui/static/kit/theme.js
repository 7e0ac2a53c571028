// Light or dark: as the webui asks (?theme=), as a person chose, else as the system is.

const KEY = "train-tools.theme";

export function start(asked) {
  const system = matchMedia("(prefers-color-scheme: dark)");
  const wanted = () => localStorage.getItem(KEY) || asked || (system.matches ? "dark" : "light");
  const set = () => (document.documentElement.dataset.theme = wanted() === "dark" ? "dark" : "light");
  system.addEventListener("change", set);
  set();
}

export const current = () => document.documentElement.dataset.theme;

export function toggle() {
  const next = current() === "dark" ? "light" : "dark";
  document.documentElement.dataset.theme = next;
  localStorage.setItem(KEY, next);
}
