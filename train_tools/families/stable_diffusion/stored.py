"""Tensors in the files of a base model: known by name and shape, read one at a time, each when it is asked for.

A safetensors file is read, not mapped: the pages of a map count as memory of whoever looked at them.
"""

from __future__ import annotations

import dataclasses
import math
import pickle
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from train_tools.errors import TrainToolsError, UsageError
from train_tools.families.head import read_head
from train_tools.families.interface import Shape
from train_tools.lora.safetensors_header import TensorPlace, read_header

DTYPES = {
    "F64": torch.float64, "F32": torch.float32, "F16": torch.float16, "BF16": torch.bfloat16,
    "F8_E4M3": torch.float8_e4m3fn, "F8_E5M2": torch.float8_e5m2, "I64": torch.int64, "I32": torch.int32,
    "I16": torch.int16, "I8": torch.int8, "U8": torch.uint8, "BOOL": torch.bool,
}  # fmt: skip


@dataclass(frozen=True)
class Stored:
    """A tensor that isn't read yet. `read` gives it a tensor of its own; `at` is where it lies, to read in order."""

    shape: Shape
    read: Callable[[], Tensor]
    at: tuple[str, int] = ("", 0)
    rows_of: Callable[[int, int], Stored] | None = None

    def third(self, number: int) -> Stored:
        """One of three equal parts, one below another."""
        assert self.rows_of is not None
        count = self.shape[0] // 3
        return self.rows_of(number * count, count)

    def transposed(self) -> Stored:
        def read() -> Tensor:
            return self.read().T.contiguous()

        return dataclasses.replace(self, shape=self.shape[::-1], read=read)


def stored_in(path: Path) -> dict[str, Stored]:
    """All tensors of a `.safetensors` or pickled file; pickled code isn't run.

    Raises UsageError where the file can't be read.
    """
    try:
        if path.suffix.lower() == ".safetensors":
            return {name: _in_file(path, place) for name, place in read_header(path).tensors.items()}
        return {name: _in_memory(tensor) for name, tensor in _unpickled(path).items()}
    except (TrainToolsError, RuntimeError, OSError, ValueError, EOFError, pickle.UnpicklingError) as error:
        raise UsageError(f"the base model {path} can't be read ({error}); download it again") from error


def shapes_of(tensors: Mapping[str, Stored]) -> dict[str, Shape]:
    return {name: tensor.shape for name, tensor in tensors.items()}


def _in_file(path: Path, place: TensorPlace) -> Stored:
    def rows(first: int, count: int) -> Stored:
        row = (place.end - place.begin) // place.shape[0]
        begin = place.begin + first * row
        return _in_file(path, TensorPlace(place.dtype, (count, *place.shape[1:]), begin, begin + count * row))

    return Stored(place.shape, lambda: _read(path, place), (str(path), place.begin), rows)


def _read(path: Path, place: TensorPlace) -> Tensor:
    dtype = DTYPES.get(place.dtype)
    if dtype is None:
        raise UsageError(
            f"the base model {path} holds numbers of a kind that isn't known here ({place.dtype})"
        )
    content = torch.empty(place.end - place.begin, dtype=torch.uint8)
    try:
        with path.open("rb") as file:
            file.seek(place.begin)
            whole = not math.prod(place.shape) or file.readinto(content.numpy()) == len(content)
    except OSError as error:
        raise UsageError(
            f"the base model {path} can't be read ({error.strerror}); look at its disk"
        ) from error
    if not whole:
        raise UsageError(f"the base model {path} became shorter while it was read; download it again")
    return content.view(dtype).view(place.shape)


def _in_memory(tensor: Tensor) -> Stored:
    def rows(first: int, count: int) -> Stored:
        return _in_memory(tensor[first : first + count])

    return Stored(tuple(tensor.shape), tensor.clone, rows_of=rows)


def _unpickled(path: Path) -> dict[str, Tensor]:
    """Mapped into memory, but for files of torch before 1.6, which can't be."""
    with torch.serialization.safe_globals(_stand_ins(path)):
        with path.open("rb") as file:
            is_archive = file.read(2) == b"PK"
        content = torch.load(path, map_location="cpu", weights_only=True, mmap=is_archive)
    state = content.get("state_dict", content)
    return {name: tensor for name, tensor in state.items() if isinstance(tensor, Tensor)}


class _PassedOver:
    """Stands for what a training kept beside the weights, as Stable Diffusion 1.4's file does."""

    def __init__(self, *_: object, **__: object) -> None:
        pass


def _stand_ins(path: Path) -> list[tuple[type, str]]:
    return [
        (_PassedOver, name)
        for name in read_head(path).code
        if name.startswith(("pytorch_lightning.", "lightning."))
    ]
