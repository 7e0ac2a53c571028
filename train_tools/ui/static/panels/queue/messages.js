// Being told when a batch has ended or failed: by this browser, and by services that the worker itself writes to.

import * as api from "../../kit/api.js";
import { confirm, dialog } from "../../kit/dialog.js";
import { fill, h, icon } from "../../kit/dom.js";
import { when } from "../../kit/format.js";
import { canNotify, isOn, turn } from "../../kit/notify.js";
import { finished } from "../../kit/task.js";
import { language, t } from "../../kit/texts.js";
import { attempt } from "../../kit/toast.js";

export async function openMessages() {
  const known = await attempt(() => api.get("api/messages"));
  if (!known) return;
  const list = h("ul", { class: "plain channels" });
  const view = { known, list, draw: (found) => draw(view, found) };
  draw(view, known);
  await dialog({
    title: t("queue.tell_me"),
    body: [ofBrowser(), h("h3", null, t("queue.tell_services")), h("p", { class: "muted small" }, t("queue.tell_services_text")), list,
      known.can_change ? h("button", { type: "button", onclick: () => change(view, null) }, icon("plus"), t("queue.tell_add")) : h("p", { class: "note" }, t("queue.tell_not_here"))],
    buttons: [[t("kit.close"), null, "primary"]],
  });
}

function ofBrowser() {
  const said = h("p", { class: "help" }, t(canNotify() ? "queue.tell_browser_text" : "queue.tell_browser_cannot"));
  const input = h("input", { type: "checkbox", role: "switch", checked: isOn(), disabled: !canNotify(), onchange: async () => {
    const wanted = input.checked;
    input.checked = await turn(wanted);
    if (wanted && !input.checked) fill(said, t("queue.tell_browser_refused"));
  } });
  return h("div", { class: "tell-browser" }, h("label", { class: "row tick" }, input, h("span", null, t("queue.tell_browser"))), said);
}

function draw(view, known) {
  view.known = known;
  fill(view.list, known.channels.map((channel) => row(view, channel)));
}

function row(view, channel) {
  const said = h("div", { class: "small", role: "status" }, channel.error ? h("span", { class: "problem" }, `${when(channel.error_time)} · ${channel.error}`) : null);
  const about = ["ended", "failed"].filter((name) => channel[name]).map((name) => t(`queue.tell_${name}`));
  const test = async (event) => {
    const button = event.currentTarget;
    button.disabled = true;
    fill(said, t("queue.tell_sending"));
    try {
      await finished(await api.post("api/messages/try", { id: channel.id }));
      fill(said, h("span", { class: "chip good" }, icon("check"), t("queue.tell_sent")));
    } catch (error) {
      if (error.status === undefined) throw error;
      fill(said, h("span", { class: "problem" }, error.message));
    } finally {
      button.disabled = false;
    }
  };
  const buttons = view.known.can_change ? [
    h("button", { type: "button", onclick: test }, t("queue.tell_try")),
    h("button", { type: "button", class: "quiet", "aria-label": t("queue.tell_change"), title: t("queue.tell_change"), onclick: () => change(view, channel) }, icon("edit")),
    h("button", { type: "button", class: "quiet", "aria-label": t("queue.tell_remove"), title: t("queue.tell_remove"), onclick: () => remove(view, channel) }, icon("trash")),
  ] : null;
  return h("li", null, h("div", { class: "row tight" },
    h("div", { class: "grow" }, h("strong", null, t(`queue.service_${channel.kind}`)), " ", h("span", { class: "muted small" }, `${channel.host} · ${about.join(", ") || t("queue.tell_nothing")}`)),
    h("span", { class: "space" }), buttons), said);
}

async function remove(view, channel) {
  if (!(await confirm(t("queue.tell_remove"), t("queue.tell_remove_text", { name: t(`queue.service_${channel.kind}`) }), t("queue.tell_remove")))) return;
  await attempt(async () => view.draw(await api.post("api/messages/remove", { id: channel.id })));
}

async function change(view, channel) {
  const { kinds } = view.known;
  const fields = h("div");
  const inputs = {};
  const kind = h("select", { id: "tell-kind", disabled: Boolean(channel), onchange: () => show() }, Object.keys(kinds).map((name) =>
    h("option", { value: name, selected: name === channel?.kind }, t(`queue.service_${name}`))));
  const show = () => {
    const { wants, may } = kinds[kind.value];
    for (const name of Object.keys(inputs)) delete inputs[name];
    fill(fields, h("p", { class: "help" }, t(`queue.service_help_${kind.value}`)), [...wants, ...may].map((name) => {
      const isKnown = channel?.known.includes(name);
      inputs[name] = h("input", { type: name === "secret" ? "password" : "text", autocomplete: "off", spellcheck: "false", placeholder: isKnown ? t("queue.tell_known") : "" });
      const label = t(`queue.tell_${kind.value === "telegram" && name === "secret" ? "token" : name}`);
      return h("label", { class: "field" }, h("span", { class: "label" }, wants.includes(name) ? label : t("queue.tell_optional", { name: label })), inputs[name]);
    }));
  };
  show();
  const tick = (name) => {
    const input = h("input", { type: "checkbox", checked: channel ? channel[name] : true });
    return { input, node: h("label", { class: "row tick" }, input, h("span", null, t(`queue.tell_when_${name}`))) };
  };
  const ended = tick("ended");
  const failed = tick("failed");
  await dialog({
    title: t(channel ? "queue.tell_change" : "queue.tell_add"),
    body: [h("label", { class: "field" }, h("span", { class: "label" }, t("queue.tell_kind")), kind), fields, ended.node, failed.node],
    buttons: [[t("kit.cancel"), null], [t("queue.save"), true, "primary"]],
    check: async () => {
      const texts = Object.fromEntries(Object.entries(inputs).map(([name, input]) => [name, input.value.trim()]));
      try {
        view.draw(await api.post("api/messages/save", { id: channel?.id ?? "", kind: kind.value, language, ended: ended.input.checked, failed: failed.input.checked, ...texts }));
        return "";
      } catch (error) {
        if (error.status === undefined) throw error;
        return error.message;
      }
    },
  });
}
