// How busy the machine is, while one looks.

import * as api from "../kit/api.js";
import { fill, h } from "../kit/dom.js";
import { number } from "../kit/format.js";
import { poll } from "../kit/poll.js";
import { t } from "../kit/texts.js";

const EVERY_MS = 3000;
const GIB = 2 ** 30;
const HOT = 83; // degrees at which most cards begin to slow down
const FULL = 0.95;

export function gauges() {
  const node = h("span", { class: "gauges small", id: "bar-gauges", role: "img", hidden: true });
  let known = null;
  const draw = () => {
    node.hidden = !known;
    if (!known) return;
    const busiest = [...known.gpus].sort((a, b) => (b.used ?? 0) - (a.used ?? 0))[0];
    fill(node, busiest ? ofGpu(busiest) : null, gauge(t("bar.ram"), amount(known.ram), known.ram.used / known.ram.total));
    node.title = [...known.gpus.map(inWords), `${t("bar.ram")} ${amount(known.ram)}`].join("\n");
    node.setAttribute("aria-label", node.title.replaceAll("\n", "; "));
  };
  poll(async () => {
    known = await api.get("api/machine");
    draw();
  }, EVERY_MS);
  return { node, draw };
}

const amount = ({ used, total }) => `${number(used / GIB, 1)} / ${number(total / GIB)} GB`;

function ofGpu(gpu) {
  return [
    gpu.load === null ? null : gauge("GPU", `${number(gpu.load)} %`, gpu.load / 100, false),
    gpu.total ? gauge(t("bar.vram"), amount(gpu), gpu.used / gpu.total) : null,
    gpu.temperature === null ? null : h("span", { class: gpu.temperature >= HOT ? "hot" : "" }, `${number(gpu.temperature)} °C`),
    gpu.power === null ? null : h("span", { class: "power" }, `${number(gpu.power)} W`),
  ];
}

function gauge(label, text, share, warns = true) {
  return h("span", { class: `gauge ${warns && share > FULL ? "hot" : ""}` }, h("span", { class: "muted" }, label), " ", text,
    h("span", { class: "level" }, h("span", { style: { width: `${Math.min(100, share * 100)}%` } })));
}

function inWords(gpu) {
  const facts = [
    gpu.load === null ? "" : `${number(gpu.load)} %`, gpu.total ? `${t("bar.vram")} ${amount(gpu)}` : "",
    gpu.temperature === null ? "" : `${number(gpu.temperature)} °C`,
    gpu.power === null ? "" : `${number(gpu.power)}${gpu.power_limit ? ` / ${number(gpu.power_limit)}` : ""} W`,
  ];
  return `GPU ${gpu.number} · ${gpu.name}: ${facts.filter(Boolean).join(" · ")}`;
}
