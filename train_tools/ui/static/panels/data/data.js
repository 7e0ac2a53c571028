// Data: images come in, are looked through, processed and checked; then on to their captions.

import { h, icon } from "../../kit/dom.js";
import { t } from "../../kit/texts.js";
import { concepts } from "./concepts.js";
import { originals } from "./originals.js";
import { preview } from "./preview.js";
import { processing } from "./process.js";
import { regularisation } from "./reg.js";
import { result } from "./result.js";
import { settings } from "./settings.js";
import { Store } from "./store.js";
import { target } from "./target.js";
import { trigger } from "./trigger.js";
import { uploads } from "./uploads.js";

export default {
  mount(root, context) {
    const store = new Store(context.base);
    const goesTo = target(store);
    const incoming = uploads(root, store, context, goesTo.value);
    const form = settings(store, () => (shown?.update(), called?.update()));
    const looking = originals(store, context, form, () => shown?.update());
    const called = trigger(store, form);
    const shown = preview(store, looking.current, form.changes);
    const process = processing(store, () => made.node.scrollIntoView({ behavior: "smooth" }));
    const made = result(store, context, form);
    const beside = regularisation(store, context);

    const empty = emptyHint();
    const images = h("section", { class: "card images", "aria-label": t("data.images") },
      h("div", { class: "row" }, h("h2", null, t("data.images")), h("span", { class: "space" }), incoming.choosers()),
      called.node, goesTo.node, incoming.node, empty, looking.node);
    const work = h("section", { class: "card work", "aria-label": t("data.processing") },
      h("div", { class: "row" }, h("h2", null, t("data.processing")), form.status, h("span", { class: "space" }), process.button),
      process.node, form.node, concepts(store, form).node, shown.node, form.more);
    root.append(h("h1", { class: "unseen" }, t("page.data")), images, work, made.node, beside.node, h("div", { class: "drop-hint", "aria-hidden": "true" }, icon("upload"), t("data.drop_now")));

    store.on("originals", (list) => {
      empty.hidden = list.rows.length > 0;
      looking.node.hidden = list.rows.length === 0;
    });
    store.start();
    return {
      unmount() {
        store.end();
        for (const part of [incoming, looking, shown, made, beside]) part.end();
      },
    };
  },
};

function emptyHint() {
  return h("div", { class: "empty-images" }, icon("image"), h("p", null, h("b", null, t("data.empty"))), h("p", { class: "muted" }, t("data.empty_text")),
    h("ol", { class: "muted small" }, [t("data.step_1"), t("data.step_2"), t("data.step_3")].map((text) => h("li", null, text))));
}
