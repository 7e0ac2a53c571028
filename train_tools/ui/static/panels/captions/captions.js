import { h } from "../../kit/dom.js";
import { t } from "../../kit/texts.js";

export default {
  mount(root, context) {
    root.append(h("h1", null, t("page.captions")), h("p", null, context.version));
  },
};
