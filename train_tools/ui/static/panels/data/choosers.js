// Buttons that open the browser's file chooser, and drops anywhere on the panel.

import { h, icon } from "../../kit/dom.js";
import { t } from "../../kit/texts.js";
import { attempt } from "../../kit/toast.js";
import { filesOfDrop, filesOfInput } from "./picker.js";

const ACCEPTED = "image/*,.zip,.tar,.tgz,.txt,.caption,.cap,.json,.jsonl,.tif,.tiff,.avif,.heic,.heif,.hif,.jfif,.jpe";

export function choosers(send) {
  const files = input(send, { "aria-label": t("data.choose_files"), accept: ACCEPTED });
  const folder = input(send, { "aria-label": t("data.choose_folder"), webkitdirectory: true });
  return h("div", { class: "row tight" },
    h("button", { class: "primary", onclick: () => files.click() }, icon("upload"), t("data.choose_files")),
    h("button", { onclick: () => folder.click() }, icon("folder"), t("data.choose_folder")),
    files, folder);
}

function input(send, props) {
  const change = (event) => {
    const chosen = filesOfInput(event.target);
    event.target.value = ""; // the same files may be chosen again
    send(chosen);
  };
  return h("input", { type: "file", multiple: true, hidden: true, onchange: change, ...props });
}

/** Returns what ends it. */
export function acceptDrops(root, send) {
  const area = root.parentNode;
  const hasFiles = (event) => event.dataTransfer?.types.includes("Files");
  let depth = 0; // entering a child comes before leaving its parent
  const listeners = {
    dragenter: (event) => hasFiles(event) && root.classList.toggle("dropping", ++depth > 0),
    dragleave: (event) => hasFiles(event) && root.classList.toggle("dropping", --depth > 0),
    dragover(event) {
      if (!hasFiles(event)) return;
      event.preventDefault();
      event.dataTransfer.dropEffect = "copy";
    },
    async drop(event) {
      if (!hasFiles(event)) return;
      event.preventDefault();
      depth = 0;
      root.classList.remove("dropping");
      const files = await attempt(() => filesOfDrop(event.dataTransfer));
      if (files) send(files);
    },
  };
  for (const [name, listener] of Object.entries(listeners)) area.addEventListener(name, listener);
  return () => {
    for (const [name, listener] of Object.entries(listeners)) area.removeEventListener(name, listener);
  };
}
