// Versions and folders, to read and to copy into a question.

import * as api from "../../kit/api.js";
import { fill, h } from "../../kit/dom.js";
import { finished } from "../../kit/task.js";
import { t } from "../../kit/texts.js";
import { attempt } from "../../kit/toast.js";

export function about(body) {
  const ending = new AbortController();
  attempt(async () => {
    const found = await finished(await api.get("api/tools/about"), { signal: ending.signal });
    const rows = [
      ["Train Tools", found.program], ["Python", `${found.python} · ${found.interpreter}`], [t("tools.system"), found.system], [t("tools.root"), found.root], [t("tools.host"), found.host],
      [t("tools.packages"), Object.entries(found.packages).map(([name, version]) => `${name} ${version}`).join(", ")],
    ];
    const lacks = Object.entries(found.lacks);
    fill(body,
      h("dl", { class: "facts" }, rows.map(([name, value]) => [h("dt", null, name), h("dd", null, value)])),
      lacks.length ? h("details", null, h("summary", null, t("tools.lacks")), h("ul", { class: "small" }, lacks.map(([what, why]) => h("li", null, h("strong", null, t(`tools.can_${what.replace(" ", "_")}`)), ` – ${why}`)))) : null);
  });
  return () => ending.abort();
}
