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
            text = file.read(_checked_length(length, size))
        content = json.loads(text, object_pairs_hook=_without_twins)
        metadata = _texts(content.pop("__metadata__", None) or {})
        tensors = {_name(name): _place(entry, 8 + length) for name, entry in content.items()}
        _check(tensors, 8 + length, size)
        return Header(tensors, metadata)
    except OSError as error:
        raise TrainToolsError(f"{path.name} can't be read: {error.strerror}") from error
    except RecursionError as error:
        raise TrainToolsError(f"{path.name} is no whole safetensors file: its head is too deep") from error
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError) as error:
        raise TrainToolsError(f"{path.name} is no whole safetensors file: {error}") from error


def _checked_length(length: int, file_size: int) -> int:
    if not 2 <= length <= min(LARGEST_HEADER, file_size - 8):
        raise ValueError("its head is cut off")
    return length


def _without_twins(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Of one name said twice, programs would read different values."""
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("its head says one name twice")
    return found


def _texts(said: dict[str, Any]) -> dict[str, str]:
    """The format knows texts alone; whatever else somebody has put there says nothing. Half a character is replaced."""
    return {_whole(name): _whole(text) for name, text in said.items() if isinstance(text, str)}


def _whole(text: str) -> str:
    return text if text.isascii() else text.encode("utf-8", "replace").decode("utf-8")


def _name(name: str) -> str:
    if name != _whole(name):
        raise ValueError("the name of a tensor holds half a character")
    return name


def _place(entry: dict[str, Any], start: int) -> TensorPlace:
    begin, end = entry["data_offsets"]
    shape, numbers = tuple(entry["shape"]), [begin, end, *entry["shape"]]
    if not all(type(number) is int and number >= 0 for number in numbers):
        raise ValueError("its head holds something else than whole numbers for shapes and places")
    return TensorPlace(str(entry["dtype"]), shape, start + begin, start + end)


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
