// Elements without a framework.

/**
 * h("button", { class: "primary", onclick: save, disabled: true }, "Save", [more])
 * Props: `on…` are listeners, `class`, `style` (object), `dataset` (object), booleans set or drop the attribute,
 * `value`/`checked`/`indeterminate` are properties. Children: nodes, strings, numbers, arrays; null and false are skipped.
 * Text is always text: nothing that a person or a file says is read as HTML.
 */
export function h(tag, props, ...children) {
  const node = document.createElement(tag);
  set(node, props || {});
  append(node, children);
  return node;
}

const PROPERTIES = new Set(["value", "checked", "indeterminate", "selected", "open"]);

export function set(node, props) {
  for (const [name, value] of Object.entries(props)) {
    if (value === undefined) continue;
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (name === "style") Object.assign(node.style, value);
    else if (name === "dataset") Object.assign(node.dataset, value);
    else if (PROPERTIES.has(name)) node[name] = value;
    else if (value === null || value === false) node.removeAttribute(name);
    else node.setAttribute(name, value === true ? "" : value);
  }
  return node;
}

export function append(node, children) {
  for (const child of children.flat(Infinity)) {
    if (child === null || child === undefined || child === false) continue;
    node.append(child instanceof Node ? child : String(child));
  }
  return node;
}

/** Puts new children in place of all there are. */
export function fill(node, ...children) {
  node.replaceChildren();
  return append(node, children);
}

/** An icon of our own set, decorative unless it has a label. */
export function icon(name, label) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("viewBox", "0 0 20 20");
  svg.setAttribute("class", "icon");
  if (label) {
    svg.setAttribute("role", "img");
    svg.setAttribute("aria-label", label);
  } else svg.setAttribute("aria-hidden", "true");
  const path = document.createElementNS("http://www.w3.org/2000/svg", "path");
  path.setAttribute("d", ICONS[name]);
  svg.append(path);
  return svg;
}

// Strokes on a grid of 20; drawn for this page.
const ICONS = {
  plus: "M10 4v12M4 10h12",
  minus: "M4 10h12",
  close: "M5 5l10 10M15 5L5 15",
  check: "M4 10.5l4 4 8-9",
  down: "M5 8l5 5 5-5",
  right: "M8 5l5 5-5 5",
  left: "M12 5l-5 5 5 5",
  up: "M5 12l5-5 5 5",
  menu: "M4 6h12M4 10h12M4 14h12",
  grip: "M7.5 5h.01M7.5 10h.01M7.5 15h.01M12.5 5h.01M12.5 10h.01M12.5 15h.01",
  more: "M5 10h.01M10 10h.01M15 10h.01",
  trash: "M4 6h12M8 6V4h4v2M6 6l1 11h6l1-11",
  edit: "M4 16l1-4 8.5-8.5 3 3L8 15z",
  copy: "M7 7h9v9H7zM4 13V4h9",
  download: "M10 3v9M6 9l4 4 4-4M4 16h12",
  upload: "M10 13V4M6 7l4-4 4 4M4 16h12",
  pause: "M7 5v10M13 5v10",
  play: "M6 4l10 6-10 6z",
  stop: "M5 5h10v10H5z",
  again: "M15.5 8A6 6 0 1 0 16 11M16 4v4h-4",
  undo: "M7 5L3.5 8.5 7 12M4 8.500h8a4 4 0 0 1 0 8H9",
  redo: "M13 5l3.5 3.500L13 12M16 8.500H8a4 4 0 0 0 0 8h3",
  search: "M9 3.500a5.5 5.5 0 1 0 0 11 5.5 5.5 0 0 0 0-11zM13 13l4 4",
  star: "M10 3l2.1 4.6 5 .6-3.7 3.4 1 5L10 14.1 5.6 16.600l1-5L2.9 8.200l5-.6z",
  info: "M10 3a7 7 0 1 0 0 14 7 7 0 0 0 0-14zM10 9v5M10 6.500h.01",
  warning: "M10 3l8 14H2zM10 8v4M10 14.500h.01",
  image: "M3 4h14v12H3zM3 13l4-4 4 4 2.5-2.500L17 14M13 8h.01",
  folder: "M3 5h5l2 2h7v9H3z",
  gear: "M10 7a3 3 0 1 0 0 6 3 3 0 0 0 0-6zM10 3v2M10 15v2M3 10h2M15 10h2M5 5l1.5 1.500M13.5 13.500L15 15M15 5l-1.5 1.500M6.5 13.500L5 15",
  moon: "M15.5 12.500A6.5 6.5 0 0 1 7.5 4.500a6.5 6.5 0 1 0 8 8z",
  sun: "M10 7a3 3 0 1 0 0 6 3 3 0 0 0 0-6zM10 2.500v2M10 15.500v2M2.5 10h2M15.5 10h2M4.7 4.700l1.4 1.400M13.9 13.900l1.4 1.400M15.3 4.700l-1.4 1.400M6.1 13.900l-1.4 1.4",
  chart: "M3 3v14h14M6 13l3-4 3 2 4-6",
};
