// Where new images go: the version's own concept, another one, or beside as regularisation images.

import { fill, h } from "../../kit/dom.js";
import { t } from "../../kit/texts.js";
import { toast } from "../../kit/toast.js";

/** { node, value() }: what the server is told when they are taken in; null, and said, where the class lacks. */
export function target(store) {
  const known = h("datalist", { id: "data-concepts" });
  const concept = h("input", { type: "text", list: "data-concepts", autocomplete: "off", spellcheck: "false", placeholder: t("data.own_concept"), "aria-label": t("data.concept"), oninput: draw });
  const hint = h("p", { class: "muted" });
  const repeats = h("input", { type: "number", min: "1", max: "10000", placeholder: "1", "aria-label": t("data.reg_repeats"), hidden: true });
  const kind = h("select", { "aria-label": t("data.goes_to"), onchange: draw },
    h("option", { value: "images" }, t("data.as_images")), h("option", { value: "reg" }, t("data.as_reg")));
  const summary = h("summary");
  const node = h("details", { class: "target small" }, summary,
    h("div", { class: "row tight" }, kind, concept, repeats, known), hint);

  const name = () => concept.value.trim();
  const isReg = () => kind.value === "reg";

  function draw() {
    repeats.hidden = !isReg();
    concept.placeholder = isReg() ? t("data.class_example") : t("data.own_concept");
    concept.setAttribute("aria-label", isReg() ? t("data.class") : t("data.concept"));
    if (isReg()) concept.removeAttribute("list");
    else concept.setAttribute("list", known.id);
    fill(hint, isReg() ? t("data.reg_class_text") : t("data.goes_to_text"));
    fill(summary, t("data.goes_to_summary", { where: isReg() ? t("data.reg_of", { name: name() || "…" }) : name() || t("data.own_concept") }));
  }

  store.on("originals", (list) => {
    const names = new Set(list.rows.filter(([path]) => path.includes("/")).map(([path]) => path.split("/")[0]));
    fill(known, [...names].map((one) => h("option", { value: one })));
  });
  draw();
  return {
    node,
    value() {
      if (!isReg()) return { concept: name() };
      if (!name()) {
        node.open = true;
        concept.focus();
        toast(t("data.class_needed"), { kind: "error" });
        return null;
      }
      return { reg: name(), ...(repeats.value ? { repeats: Number(repeats.value) } : {}) };
    },
  };
}
