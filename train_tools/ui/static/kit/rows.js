// A list of rows that are changed in place: made anew, a button would vanish from under the finger.

/**
 * `show([[key, value, make]])` brings `container` to these rows in this order; `make(value)` gives { node, update?(value) },
 * and is asked once for a key. `update` is called with each later value.
 */
export function rowsIn(container) {
  const shown = new Map();
  return function show(wanted) {
    const keys = new Set(wanted.map(([key]) => key));
    for (const [key, row] of shown) {
      if (keys.has(key)) continue;
      row.node.remove();
      shown.delete(key);
    }
    let place = container.firstChild;
    for (const [key, value, make] of wanted) {
      if (!shown.has(key)) shown.set(key, make(value));
      const row = shown.get(key);
      row.update?.(value);
      if (row.node === place) place = place.nextSibling;
      else container.insertBefore(row.node, place);
    }
  };
}
