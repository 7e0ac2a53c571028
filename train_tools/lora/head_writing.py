"""A LoRA file with completed metadata: a new head, the same tensors, hashes as sd-scripts defines them.

`sshs_model_hash` is the sha256 of all behind the head, which a new head leaves as it was. `sshs_legacy_hash` is over
64 KiB from byte 0x100000 of the file as it would be with the `ss_*` metadata alone, so it depends on the length of that
head and is computed anew (train_util.precalculate_safetensors_hashes of sd-scripts).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO

from train_tools.errors import TrainToolsError
from train_tools.lora.safetensors_header import read_header

CHUNK = 1 << 20
LEGACY_FROM, LEGACY_BYTES = 0x100000, 0x10000
ALIGNMENT = 8  # of the first tensor; the head is filled up with blanks


def write_with_metadata(
    source: Path, target: Path, changes: Mapping[str, str], without: Collection[str] = ()
) -> dict[str, str]:
    """Writes `source` with `changes` over its metadata, and none of the names in `without`, to `target`, which isn't
    there; returns all of it.

    Raises TrainToolsError where the source isn't a whole safetensors file.
    """
    said = read_header(source).metadata  # checks it, too
    with source.open("rb") as reader:
        entries, start = _head(reader)
        completed = {**{name: text for name, text in said.items() if name not in without}, **changes}
        completed |= hashes(reader, start, entries, completed)
        with target.open("xb") as writer:
            writer.write(_packed(entries, completed))
            for block in _blocks(reader, start):
                writer.write(block)
            _flush(writer)
    return completed


def _head(reader: BinaryIO) -> tuple[dict[str, Any], int]:
    """Tensors as they stand in the head, and where their bytes begin."""
    length = int.from_bytes(reader.read(8), "little")
    entries = json.loads(reader.read(length))
    entries.pop("__metadata__", None)
    return entries, 8 + length


def hashes(
    reader: BinaryIO, start: int, entries: Mapping[str, Any], metadata: Mapping[str, str]
) -> dict[str, str]:
    """Both model hashes of the file whose tensors begin at byte `start` of `reader`."""
    whole = hashlib.sha256()
    for block in _blocks(reader, start):
        whole.update(block)
    training_only = {name: value for name, value in metadata.items() if name.startswith("ss_")}
    head = _packed(entries, training_only)
    legacy = head[LEGACY_FROM : LEGACY_FROM + LEGACY_BYTES]
    reader.seek(start + max(0, LEGACY_FROM - len(head)))
    legacy += reader.read(LEGACY_BYTES - len(legacy))
    return {
        "sshs_model_hash": whole.hexdigest(),
        "sshs_legacy_hash": hashlib.sha256(legacy).hexdigest()[:8],
    }


def _packed(entries: Mapping[str, Any], metadata: Mapping[str, str]) -> bytes:
    """The length and the head, as the safetensors library writes them: compact JSON, metadata first."""
    content = {**({"__metadata__": dict(metadata)} if metadata else {}), **entries}
    try:
        text = json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode("utf-8")
    except UnicodeEncodeError as error:
        raise TrainToolsError(f"the metadata hold a character that can't be written: {error}") from error
    text += b" " * (-len(text) % ALIGNMENT)
    return len(text).to_bytes(8, "little") + text


def _blocks(reader: BinaryIO, start: int) -> Iterator[bytes]:
    reader.seek(start)
    while block := reader.read(CHUNK):
        yield block


def _flush(writer: BinaryIO) -> None:
    import os

    writer.flush()
    os.fsync(writer.fileno())
