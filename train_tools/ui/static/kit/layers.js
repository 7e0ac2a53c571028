// Dialogs above the page. Escape and the browser's Back close the topmost first; Enter presses its last button.

// An open layer is a step in the browser's history with the same address, so that Back has something to take back. Who
// closes it otherwise leaves that step: the next layer or place takes it over, and Back goes past it.
const layers = [];
const stepOf = () => history.state?.layer ?? 0;
let step = stepOf();

/** Shows a <dialog>; it is in the document for as long as it is open. What had the focus has it again afterwards. */
export function open(node) {
  const before = document.activeElement;
  node.addEventListener("close", () => {
    layers.splice(layers.indexOf(node), 1);
    node.remove();
    giveBack(before);
  });
  node.addEventListener("keydown", (event) => isAnswer(event) && press(node, event));
  document.body.append(node);
  node.showModal();
  layers.push(node);
  const count = opened().length;
  if (stepOf() < count) {
    history.replaceState({ layer: stepOf() }, ""); // marks what is below: who comes there came back
    history.pushState({ layer: count }, "");
  }
  step = stepOf();
}

/** Whether the present step is a layer's, also of one that was closed: who goes on takes it over. */
export const isStep = () => stepOf() > 0;

/** Puts another address in the place of the present one, which leaves no step. */
export function replaceStep(address) {
  history.replaceState(null, "", address);
  step = 0;
}

const opened = () => layers.filter((layer) => layer.open && layer.isConnected);

/** A part that was drawn anew meanwhile is known by its id. */
function giveBack(before) {
  if (document.activeElement !== document.body) return;
  const same = before?.isConnected ? before : document.getElementById(before?.id);
  (same ?? document.getElementById("panel"))?.focus({ preventScroll: true });
}

/** Enter in a field; not what ends a word of an input method, nor where Enter means something else. */
function isAnswer(event) {
  if (event.key !== "Enter" || event.isComposing || event.keyCode === 229 || event.repeat || event.defaultPrevented) return false;
  if (event.target.closest("textarea")) return event.ctrlKey || event.metaKey;
  return !event.target.closest("button, a, summary, [contenteditable]");
}

function press(node, event) {
  if (event.target.closest("dialog") !== node) return;
  const button = [...node.querySelectorAll(".buttons > button")].pop();
  if (!button) return;
  event.preventDefault();
  if (!button.disabled) button.click();
}

addEventListener("popstate", () => {
  const before = step;
  step = stepOf();
  const above = opened().slice(step);
  for (const layer of above.reverse()) layer.close();
  if (step < before && history.state && !above.length) history.back(); // past a step that nobody took over
});
