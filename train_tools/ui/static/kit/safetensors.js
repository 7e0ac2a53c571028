// The head of a .safetensors file in the browser, so that gigabytes needn't be uploaded to read a page of text.

const LARGEST = 100 * 1024 * 1024; // bytes, as the format's own reader has it

/** `{ metadata, tensors }`; throws an Error with `sentence` where the file is something else. */
export async function readHead(file, sentence) {
  const wrong = () => Object.assign(new Error(sentence), { status: 0 });
  const start = await file.slice(0, 8).arrayBuffer();
  if (start.byteLength < 8) throw wrong();
  const length = Number(new DataView(start).getBigUint64(0, true));
  if (length > LARGEST || length + 8 > file.size) throw wrong();
  try {
    const { __metadata__: metadata = {}, ...tensors } = JSON.parse(await file.slice(8, 8 + length).text());
    return { metadata, tensors };
  } catch {
    throw wrong();
  }
}
