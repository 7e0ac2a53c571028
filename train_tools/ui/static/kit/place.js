// Where a person is: project, version and panel in the address, so that a reload or a second browser comes back.
// #/<project>/<version>/<panel>; a panel may keep more in the address's query: #/p/v/data?page=2

import { isStep, replaceStep } from "./layers.js";

const KEY = "train-tools.place";

export function read() {
  const text = location.hash.slice(1) || localStorage.getItem(KEY) || "";
  const [path, query] = text.split("?");
  const [project, version, panel] = path.split("/").filter(Boolean).map(decode);
  return { project: project ?? "", version: version ?? "", panel: panel ?? "", query: new URLSearchParams(query) };
}

function decode(part) {
  try {
    return part === "-" ? "" : decodeURIComponent(part);
  } catch {
    return "";
  }
}

export function textOf({ project, version, panel, query }) {
  const part = (name) => (name ? encodeURIComponent(name) : "-");
  const more = query?.toString();
  return `#/${part(project)}/${part(version)}/${part(panel)}${more ? `?${more}` : ""}`;
}

/** Goes there; `replace` leaves no step in the browser's history, `silent` tells nobody. */
export function go(change, { replace = false, silent = false } = {}) {
  const place = { ...read(), query: undefined, ...change };
  const text = textOf(place);
  localStorage.setItem(KEY, text.slice(1));
  if (location.hash === text) return;
  if (!replace && !isStep()) {
    location.hash = text;
    return;
  }
  if (replace) history.replaceState(history.state, "", text);
  else replaceStep(text);
  if (!silent) dispatchEvent(new HashChangeEvent("hashchange"));
}

/** Keeps a panel's own words in the address without leaving the panel. */
export function remember(values) {
  const place = read();
  for (const [name, value] of Object.entries(values)) {
    if (value === "" || value === null || value === undefined) place.query.delete(name);
    else place.query.set(name, value);
  }
  const text = textOf(place);
  localStorage.setItem(KEY, text.slice(1));
  history.replaceState(history.state, "", text); // an open layer stays one
}
