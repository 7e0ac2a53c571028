// What a person dropped or chose, as [{ file, path }]: folders are walked through, hidden files left out.

const NOT_FOR_US = /(^|\/)(\.[^/]*|__MACOSX|@eaDir|Thumbs\.db|desktop\.ini)(\/|$)/i;

export function filesOfInput(input) {
  return usable([...input.files].map((file) => ({ file, path: file.webkitRelativePath || file.name })));
}

/** Must be called while the drop is being handled: afterwards the browser shows its files to nobody. */
export async function filesOfDrop(transfer) {
  const entries = [...transfer.items].map((item) => item.webkitGetAsEntry?.()).filter(Boolean);
  const plain = [...transfer.files].map((file) => ({ file, path: file.name }));
  if (!entries.length) return usable(plain);
  const found = [];
  for (const entry of entries) await walk(entry, found);
  return usable(found);
}

async function walk(entry, found) {
  if (entry.isFile) {
    const file = await new Promise((resolve, reject) => entry.file(resolve, reject));
    found.push({ file, path: entry.fullPath.replace(/^\/+/, "") });
    return;
  }
  const reader = entry.createReader();
  for (;;) {
    const some = await new Promise((resolve, reject) => reader.readEntries(resolve, reject)); // at most 100 at a time
    if (!some.length) return;
    for (const inner of some) await walk(inner, found);
  }
}

function usable(files) {
  const taken = new Set();
  return files.filter(({ path }) => !NOT_FOR_US.test(path)).map(({ file, path }) => ({ file, path: freePath(path, taken) }));
}

/** Files of one name, as from a list of search results, each get a folder of their own. */
function freePath(path, taken) {
  let free = path;
  for (let number = 2; taken.has(free.toLowerCase()); number++) free = `(${number})/${path}`;
  taken.add(free.toLowerCase());
  return free;
}
