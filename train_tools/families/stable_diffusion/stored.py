"""Tensors in the files of a base model: known by name and shape, read one at a time, each when it is asked for.

A safetensors file is read, not mapped: the pages of a map count as memory of whoever looked at them.
"""

from __future__ import annotations

import dataclasses
import math
import pickle
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

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


class Stored(Protocol):
    """A tensor in a file; `at` says where, to read in order."""

    @property
    def shape(self) -> Shape: ...
    @property
    def dtype(self) -> torch.dtype: ...
    @property
    def at(self) -> tuple[str, int]: ...

    def third(self, number: int) -> Stored:
        """One of three equal parts, one below another."""

    def transposed(self) -> Stored: ...

    def into(self, target: Tensor, scratch: Tensor) -> None:
        """Fills a tensor of its shape, of any precision on any device; `scratch` has room for its bytes."""


@dataclass(frozen=True)
class InFile:
    """Of a safetensors file."""

    path: Path
    place: TensorPlace
    is_transposed: bool = False

    @property
    def shape(self) -> Shape:
        return self.place.shape[::-1] if self.is_transposed else self.place.shape

    @property
    def dtype(self) -> torch.dtype:
        if self.place.dtype not in DTYPES:
            raise UsageError(
                f"{self.path} holds numbers of a kind that isn't known here ({self.place.dtype})"
            )
        return DTYPES[self.place.dtype]

    @property
    def at(self) -> tuple[str, int]:
        return str(self.path), self.place.begin

    def third(self, number: int) -> InFile:
        rows, length = self.place.shape[0] // 3, (self.place.end - self.place.begin) // 3
        begin = self.place.begin + number * length
        place = TensorPlace(self.place.dtype, (rows, *self.place.shape[1:]), begin, begin + length)
        return dataclasses.replace(self, place=place)

    def transposed(self) -> InFile:
        return dataclasses.replace(self, is_transposed=True)

    def into(self, target: Tensor, scratch: Tensor) -> None:
        """Straight into it where nothing is to be changed."""
        if target.dtype == self.dtype and target.device.type == "cpu" and not self.is_transposed:
            self._read(target.view(-1).view(torch.uint8))
            return
        content = scratch[: self.place.end - self.place.begin]
        self._read(content)
        tensor = content.view(self.dtype).view(self.place.shape)
        target.copy_(tensor.T if self.is_transposed else tensor)

    def _read(self, content: Tensor) -> None:
        """Into bytes on the CPU."""
        try:
            with self.path.open("rb", buffering=0) as file:
                file.seek(self.place.begin)
                room, done = memoryview(content.numpy()), 0
                while done < len(room) and (count := file.readinto(room[done:])):
                    done += count
        except OSError as error:
            raise UsageError(f"{self.path} can't be read ({error.strerror}); look at its disk") from error
        if done < len(room):
            raise UsageError(f"{self.path} became shorter while it was read; download it again")


@dataclass(frozen=True)
class InMemory:
    """Of a pickle, which is mapped into memory as a whole."""

    tensor: Tensor
    at: tuple[str, int] = ("", 0)

    @property
    def shape(self) -> Shape:
        return tuple(self.tensor.shape)

    @property
    def dtype(self) -> torch.dtype:
        return self.tensor.dtype

    def third(self, number: int) -> InMemory:
        return InMemory(self.tensor.chunk(3)[number])

    def transposed(self) -> InMemory:
        return InMemory(self.tensor.T)

    def into(self, target: Tensor, scratch: Tensor) -> None:
        del scratch
        target.copy_(self.tensor)


def stored_in(path: Path) -> dict[str, Stored]:
    """All tensors of a `.safetensors` or pickled file; pickled code isn't run.

    Raises UsageError where the file can't be read.
    """
    try:
        if path.suffix.lower() == ".safetensors":
            return {name: InFile(path, place) for name, place in read_header(path).tensors.items()}
        return {name: InMemory(tensor) for name, tensor in _unpickled(path).items()}
    except (TrainToolsError, RuntimeError, OSError, ValueError, EOFError, pickle.UnpicklingError) as error:
        raise UsageError(f"the base model {path} can't be read ({error}); download it again") from error


def read_tensor(stored: Stored, dtype: torch.dtype | None = None) -> Tensor:
    """One tensor on the CPU, in its own precision or another."""
    tensor = torch.empty(stored.shape, dtype=dtype or stored.dtype)
    stored.into(tensor, torch.empty(stored.dtype.itemsize * math.prod(stored.shape), dtype=torch.uint8))
    return tensor


def shapes_of(tensors: Mapping[str, Stored]) -> dict[str, Shape]:
    return {name: tensor.shape for name, tensor in tensors.items()}


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
