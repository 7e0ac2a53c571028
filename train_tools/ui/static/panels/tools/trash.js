// The trash, as the bar shows it.

import { attempt } from "../../kit/toast.js";
import * as bar from "../../bar.js";
import { drawTrash } from "../../bar/trash.js";

export function trash(body) {
  const load = () => attempt(() => drawTrash(bar.parts, body, load));
  load();
}
