"""A model so small that all its weights are one picture's colour, and the LoRA files that change it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

Array = Any
KINDS = {"F32": np.float32, "F16": np.float16}
BLOCKS = 13  # more than the 12 tensors that Forge leaves out unsaid
UNET = {
    **{f"down_blocks.{block}.attentions.0.proj_in": (4, 4) for block in range(BLOCKS)},
    "mid_block.attentions.0.proj_in": (4, 4), "mid_block.resnets.0.conv1": (4, 4, 3, 3),
}  # fmt: skip
TEXT = {f"text_model.encoder.layers.{layer}.mlp.fc1": (4, 4) for layer in range(2)}
LAYERS = (
    *(f"lora_te_{name.replace('.', '_')}" for name in TEXT), *(f"lora_unet_{name.replace('.', '_')}" for name in UNET)
)  # fmt: skip


def shapes_of(lora: Path) -> tuple[dict[str, tuple[int, ...]], dict[str, tuple[int, ...]]]:
    """The text encoder's and the UNet's weights that a LoRA file changes, by their names in it."""
    tensors = read(lora)
    text, unet = dict[str, tuple[int, ...]](), dict[str, tuple[int, ...]]()
    for name, down in tensors.items():
        layer, _, part = name.partition(".")
        if part == "lora_down.weight":
            outputs = tensors[f"{layer}.lora_up.weight"].shape[0]
            found, prefix = (text, "lora_te_") if layer.startswith("lora_te_") else (unet, "lora_unet_")
            found[layer.removeprefix(prefix)] = (outputs, *down.shape[1:])
    return text, unet


class Weight:
    """As far as torch's is asked."""

    def __init__(self, array: Array) -> None:
        self.array = array

    @property
    def shape(self) -> tuple[int, ...]:
        return tuple(self.array.shape)

    def is_floating_point(self) -> bool:
        return True


class Part:
    """A network by the names of its weights; `prefix` is how the host calls it."""

    def __init__(self, prefix: str, shapes: Mapping[str, tuple[int, ...]], seed: str) -> None:
        self.weights: dict[str, Weight] = {}
        for name, shape in shapes.items():
            number = int(hashlib.sha256(f"{seed}|{name}".encode()).hexdigest()[:8], 16)
            self.weights[f"{prefix}{name}.weight"] = Weight(np.random.default_rng(number).normal(size=shape))

    def state_dict(self) -> dict[str, Weight]:
        return dict(self.weights)

    def named_parameters(self) -> Iterator[tuple[str, Weight]]:
        return iter(self.weights.items())

    def digest(self) -> str:
        found = hashlib.sha256()
        for name, weight in sorted(self.weights.items()):
            found.update(name.encode() + np.ascontiguousarray(weight.array).round(9).tobytes())
        return found.hexdigest()


def seed_of(model: Path) -> str:
    return hashlib.sha256(model.read_bytes()).hexdigest() if model.is_file() else model.name


def read(file: str | Path) -> dict[str, Array]:
    """The tensors of a LoRA file."""
    data = Path(file).read_bytes()
    start = 8 + int.from_bytes(data[:8], "little")
    head = json.loads(data[8:start])
    return {
        name: np.frombuffer(
            data[start + entry["data_offsets"][0] : start + entry["data_offsets"][1]], KINDS[entry["dtype"]]
        ).reshape(entry["shape"])
        for name, entry in head.items()
        if name != "__metadata__"
    }


def delta(up: Array, down: Array, shape: tuple[int, ...]) -> Array:
    """As torch would complain where it doesn't fit."""
    product = up.reshape(up.shape[0], -1) @ down.reshape(down.shape[0], -1)
    if product.size != int(np.prod(shape)):
        raise RuntimeError(f"shape '{list(shape)}' is invalid for input of size {product.size}")
    return product.reshape(shape)
