"use strict";
// A board in one file: filters, sizes, and each picture by itself. All that it shows lies in the page.

const board = JSON.parse(document.getElementById("data").textContent);
const axes = new Map(board.axes.map((axis, place) => [axis.name, { ...axis, place }]));
const hidden = new Map(board.axes.map((axis) => [axis.name, new Set()])); // numbers of values that are filtered out
const state = { language: board.language === "zh" ? 1 : 0, side: 160, starred: false, rejected: true, order: [], at: -1 };
const urls = new Map();

const t = (id, values = {}) => (board.words[id] ?? [id, id])[state.language].replace(/\{(\w+)\}/g, (whole, name) => values[name] ?? whole);
const settingName = (name) => (`argument.${name}` in board.words ? t(`argument.${name}`) : name);
const axisName = (name) => (`compare.axis_${name}` in board.words ? t(`compare.axis_${name}`) : settingName(name));

/** A run's title, with the settings by their labels: `learning_rate 0.0001 · Lion`. */
const titled = (title) => title.split(" · ").map((piece) => piece.replace(/^\w+(?= )/, settingName)).join(" · ");

function h(tag, props, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(props ?? {})) {
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (value === true || typeof value === "string") node.setAttribute(name, value === true ? "" : value);
  }
  node.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false));
  return node;
}

/** The picture of that number as an address; null where there is none. */
function urlOf(number) {
  if (!urls.has(number)) {
    const holder = document.getElementById(`p${number}`);
    const bytes = holder && Uint8Array.from(atob(holder.textContent), (character) => character.charCodeAt(0));
    urls.set(number, holder ? URL.createObjectURL(new Blob([bytes], { type: holder.dataset.kind })) : null);
  }
  return urls.get(number);
}

const wanted = new IntersectionObserver((seen) => {
  for (const { isIntersecting, target } of seen) {
    if (!isIntersecting) continue;
    wanted.unobserve(target);
    const url = urlOf(Number(target.dataset.picture));
    if (url) target.src = url;
    else target.replaceWith(t("export.no_picture"));
  }
}, { rootMargin: "300px" });

const markOf = (cell) => (cell.bare ? "" : board.checkpoints[cell.checkpoint].mark);

function isShown(cell) {
  if (state.starred && board.checkpoints[cell.checkpoint].mark !== "star") return false;
  if (!state.rejected && board.checkpoints[cell.checkpoint].mark === "reject") return false;
  return board.axes.every((axis, place) => !hidden.get(axis.name).has(cell.at[place]));
}

const textOf = (name, text) => (name === "run" ? titled(text) : text);
const labels = (names, key) => names.map((name, place) => [name, textOf(name, axes.get(name).texts[key[place]])]);
const heading = (pairs) => pairs.map(([name, text]) => (name === "run" || name === "prompt" ? h("span", null, text) : h("span", null, h("small", null, axisName(name), " "), text)));
const inWords = (pairs) => pairs.map(([name, text]) => (name === "run" || name === "prompt" ? text : `${axisName(name)} ${text}`)).join(" · ");

function draw() {
  document.documentElement.lang = state.language ? "zh-CN" : "en";
  document.documentElement.style.setProperty("--side", `${state.side}px`);
  document.querySelector("h1").textContent = board.title;
  const { rows, columns, grid, cells } = board;
  const wide = columns.keys.length;
  const places = grid.map((number, place) => (number >= 0 && isShown(cells[number]) ? place : -1)).filter((place) => place >= 0);
  const shownRows = [...new Set(places.map((place) => Math.floor(place / wide)))];
  const shownColumns = [...new Set(places.map((place) => place % wide))].sort((a, b) => a - b);
  const isThere = new Set(places);
  state.order = places;
  const made = new Date(board.made * 1000).toLocaleString(state.language ? "zh-CN" : "en");
  document.getElementById("told").textContent = t("export.told", { n: places.length, made });
  const one = (row, column) => {
    const place = row * wide + column;
    if (!isThere.has(place)) return h("td");
    const cell = cells[grid[place]];
    const name = inWords([...labels(rows.axes, rows.keys[row]), ...labels(columns.axes, columns.keys[column])]);
    const image = h("img", { alt: name, title: name, "data-picture": String(cell.picture) });
    wanted.observe(image);
    return h("td", { class: markOf(cell) }, h("button", { onclick: () => view(place) }, image));
  };
  document.getElementById("board").replaceChildren(places.length ? h("table", null,
    h("thead", null, h("tr", null, h("th", null, h("small", null, rows.axes.map(axisName).join(" · "))), shownColumns.map((column) => h("th", { scope: "col" }, heading(labels(columns.axes, columns.keys[column])))))),
    h("tbody", null, shownRows.map((row) => h("tr", null, h("th", { scope: "row" }, heading(labels(rows.axes, rows.keys[row]))), shownColumns.map((column) => one(row, column))))))
    : h("p", { style: "padding: 1rem" }, t("export.nothing")));
}

function tools() {
  const tick = (text, isOn, change) => h("label", null, h("input", { type: "checkbox", checked: isOn, onchange: (event) => (change(event.target.checked), draw()) }), text);
  const filter = (axis) => {
    const out = hidden.get(axis.name);
    const summary = h("summary", { class: out.size ? "some" : "" }, axisName(axis.name));
    const set = (number, on) => {
      if (on) out.delete(number);
      else out.add(number);
      summary.className = out.size ? "some" : "";
    };
    const boxes = axis.texts.map((text, number) => tick(textOf(axis.name, text) || "–", !out.has(number), (on) => set(number, on)));
    const all = (on) => {
      axis.texts.forEach((_, number) => set(number, on));
      boxes.forEach((box) => (box.firstChild.checked = on));
      draw();
    };
    return h("details", { name: "filter" }, summary, h("div", null, h("button", { onclick: () => all(true) }, t("export.all")), " ", h("button", { onclick: () => all(false) }, t("export.none")), boxes));
  };
  const range = h("input", { type: "range", min: "64", max: "512", step: "16", value: String(state.side), "aria-label": t("export.size"), oninput: () => {
    state.side = Number(range.value);
    document.documentElement.style.setProperty("--side", `${state.side}px`);
  } });
  document.getElementById("tools").replaceChildren(...board.axes.map(filter),
    tick(t("export.only_starred"), state.starred, (on) => (state.starred = on)),
    tick(t("export.without_rejected"), !state.rejected, (on) => (state.rejected = !on)),
    h("label", null, t("export.size"), range),
    h("button", { onclick: () => {
      state.language = 1 - state.language;
      tools();
      draw();
    } }, state.language ? "English" : "中文"));
}

const viewer = document.getElementById("viewer");
const zoom = { scale: 1, x: 0, y: 0 };

function view(place) {
  state.at = place;
  Object.assign(zoom, { scale: 1, x: 0, y: 0 });
  const cell = board.cells[board.grid[place]];
  const checkpoint = board.checkpoints[cell.checkpoint];
  const wide = board.columns.keys.length;
  const told = [...labels(board.rows.axes, board.rows.keys[Math.floor(place / wide)]), ...labels(board.columns.axes, board.columns.keys[place % wide])];
  const url = urlOf(cell.picture);
  const image = url ? h("img", { src: url, alt: inWords(told), draggable: "false" }) : t("export.no_picture");
  viewer.replaceChildren(h("figure", null, image), h("aside", null,
    h("nav", null, h("button", { onclick: () => step(-1), "aria-label": t("export.before") }, "←"), h("button", { onclick: () => step(1), "aria-label": t("export.after") }, "→"), h("button", { onclick: () => viewer.close() }, t("export.close"))),
    cell.bare ? h("h2", null, t("export.bare")) : [h("h2", null, titled(checkpoint.run)), h("p", null, h("small", null, checkpoint.file)),
      checkpoint.mark ? h("p", { class: "mark" }, checkpoint.mark === "star" ? "★ " : "✕ ", t(`export.mark_${checkpoint.mark}`)) : null, checkpoint.note ? h("p", { class: "note" }, checkpoint.note) : null],
    h("dl", null, told.map(([name, text]) => [h("dt", null, axisName(name)), h("dd", null, text)]), Object.entries(cell.facts).map(([name, text]) => [h("dt", null, name === "text" ? axisName("prompt") : axisName(name)), h("dd", null, text)]))));
  if (!viewer.open) viewer.showModal();
}

function step(by) {
  const next = state.order[state.order.indexOf(state.at) + by];
  if (next !== undefined) view(next);
}

function apply() {
  const least = 1 - zoom.scale;
  zoom.x = Math.max(least, Math.min(0, zoom.x));
  zoom.y = Math.max(least, Math.min(0, zoom.y));
  const image = viewer.querySelector("img");
  if (image) image.style.transform = `translate(${zoom.x * 100}%, ${zoom.y * 100}%) scale(${zoom.scale})`;
}

viewer.addEventListener("wheel", (event) => {
  const box = event.target.closest("figure")?.getBoundingClientRect();
  if (!box) return;
  event.preventDefault();
  const scale = Math.max(1, Math.min(16, zoom.scale * Math.exp(-event.deltaY / 400)));
  const [x, y] = [(event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height];
  Object.assign(zoom, { x: x - ((x - zoom.x) * scale) / zoom.scale, y: y - ((y - zoom.y) * scale) / zoom.scale, scale });
  apply();
}, { passive: false });
viewer.addEventListener("pointermove", (event) => {
  const box = event.buttons & 1 && event.target.closest("figure")?.getBoundingClientRect();
  if (!box) return;
  zoom.x += event.movementX / box.width;
  zoom.y += event.movementY / box.height;
  apply();
});
viewer.addEventListener("keydown", (event) => {
  const by = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
  if (!by) return;
  event.preventDefault();
  step(by);
});

// An open filter closes as menus do.
const closeAll = (but) => document.querySelectorAll("details[open]").forEach((one) => one.contains(but) || (one.open = false));
addEventListener("pointerdown", (event) => closeAll(event.target));
addEventListener("keydown", (event) => event.key === "Escape" && closeAll(null));

tools();
draw();
