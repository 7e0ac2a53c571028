"""The head of a safetensors file, read with the standard library: names, shapes and places of its tensors."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from train_tools.errors import TrainToolsError

BITS = {"F64": 64, "F32": 32, "F16": 16, "BF16": 16, "I64": 64, "I32": 32, "I16": 16, "I8": 8, "U8": 8,
        "BOOL": 8, "U16": 16, "U32": 32, "U64": 64, "F8_E4M3": 8, "F8_E5M2": 8}  # fmt: skip
LARGEST_HEADER = 100_000_000  # bytes; the format's own limit


@dataclass(frozen=True)
class TensorPlace:
    """`begin` and `end` are bytes from the file's start."""

    dtype: str
    shape: tuple[int, ...]
    begin: int
    end: int


@dataclass(frozen=True)
class Header:
    tensors: dict[str, TensorPlace]
    metadata: dict[str, str]


def read_header(path: Path) -> Header:
    """Raises TrainToolsError where the file isn't whole: cut off, or with a head that contradicts itself."""
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            length = int.from_bytes(file.read(8), "little")
            content = json.loads(file.read(_checked_length(length, size)))
        # The format knows texts alone; whatever else somebody has put there says nothing.
        said = content.pop("__metadata__", None) or {}
        metadata = {name: text for name, text in said.items() if isinstance(text, str)}
        tensors = {name: _place(entry, 8 + length) for name, entry in content.items()}
        _check(tensors, 8 + length, size)
        return Header(tensors, metadata)
    except OSError as error:
        raise TrainToolsError(f"{path.name} can't be read: {error.strerror}") from error
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError) as error:
        raise TrainToolsError(f"{path.name} is no whole safetensors file: {error}") from error


def _checked_length(length: int, file_size: int) -> int:
    if not 2 <= length <= min(LARGEST_HEADER, file_size - 8):
        raise ValueError("its head is cut off")
    return length


def _place(entry: dict[str, Any], start: int) -> TensorPlace:
    begin, end = entry["data_offsets"]
    shape = tuple(int(side) for side in entry["shape"])
    return TensorPlace(str(entry["dtype"]), shape, start + int(begin), start + int(end))


def _check(tensors: dict[str, TensorPlace], start: int, size: int) -> None:
    for name, tensor in tensors.items():
        if (
            tensor.dtype in BITS
            and (tensor.end - tensor.begin) * 8 != math.prod(tensor.shape) * BITS[tensor.dtype]
        ):
            raise ValueError(f"the size of {name} doesn't fit its shape")
    at = start
    for tensor in sorted(tensors.values(), key=lambda t: (t.begin, t.end)):
        if tensor.begin != at:
            raise ValueError("its tensors overlap or leave holes")
        at = tensor.end
    if at != size:
        raise ValueError(f"it has {size} bytes where its head tells of {at}")
