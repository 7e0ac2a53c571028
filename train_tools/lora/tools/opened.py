"""A LoRA file opened by its head: nothing in it is run, and no more of it read than is asked for."""

from __future__ import annotations

import functools
import math
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from train_tools.errors import TrainToolsError, UsageError
from train_tools.families.head import read_head
from train_tools.lora.safetensors_header import Header, TensorPlace, read_header
from train_tools.lora.tools.keys import Keys, Layer, layers_of

START = 512  # bytes that tell a format
PICKLE = (b"\x80", b"PK")
NUMBERS = {"F16": "<e", "F32": "<f", "F64": "<d"}


@dataclass(frozen=True)
class Opened:
    """`keys` are its layers; the tensors stay on the disk."""

    path: Path
    header: Header
    keys: Keys

    @property
    def metadata(self) -> Mapping[str, str]:
        return self.header.metadata

    @functools.cached_property
    def bytes(self) -> int:
        return self.path.stat().st_size

    def place(self, layer: Layer, end: str) -> TensorPlace | None:
        """None where the layer has no tensor of that end."""
        key = layer.tensors.get(end)
        return None if key is None else self.header.tensors[key]

    def number(self, place: TensorPlace | None) -> float | None:
        """A tensor of one number; None where it is none, or not finite."""
        if place is None or math.prod(place.shape) != 1:
            return None
        with self.path.open("rb") as file:
            file.seek(place.begin)
            data = file.read(place.end - place.begin)
        if place.dtype == "BF16":
            data, form = b"\0\0" + data, "<f"
        elif (form := NUMBERS.get(place.dtype, "")) == "":
            return float(int.from_bytes(data, "little", signed=True)) if place.dtype.startswith("I") else None
        found = float(struct.unpack(form, data)[0])
        return found if math.isfinite(found) else None


def open_lora(path: Path) -> Opened:
    """Raises UsageError where there is no such file, TrainToolsError where it isn't a whole LoRA's."""
    header = open_head(path)
    keys = layers_of(header.tensors)
    if not keys.layers:
        few = ", ".join(list(header.tensors)[:2]) or "no tensors at all"
        raise TrainToolsError(f"{path.name} is no LoRA: it holds {few}; choose a LoRA's file")
    return Opened(path, header, keys)


def open_head(path: Path) -> Header:
    """Of any safetensors file, whatever it is called."""
    if path.is_dir():
        raise UsageError(f"{path} is a folder; choose a file in it")
    if not path.is_file():
        raise UsageError(f"there is no file {path}; choose one that is there")
    try:
        with path.open("rb") as file:
            start = file.read(START)
    except OSError as error:
        raise TrainToolsError(f"{path.name} can't be read: {error.strerror}") from error
    # A safetensors file whose head is 128 bytes long begins with 0x80, too.
    if start.startswith(PICKLE) and start[8:9] != b"{":
        raise TrainToolsError(
            f"{path.name} is a pickle (.pt, .ckpt), which can run code when it is loaded, so it isn't opened; get the "
            "safetensors file, or load and save it once in a webui that you trust it with"
        )
    read_head(path)  # says what other files are: a web page, a picture, one that is cut off …
    return read_header(path)
