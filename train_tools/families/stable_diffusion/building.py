"""Fills modules with the tensors of files, one after another.

The modules are made without memory, and each tensor is read, converted and put into its place before the next one. So
a model takes what it takes in its precision, and one tensor.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from train_tools.errors import UsageError
from train_tools.families.stable_diffusion.encoders import Origin, TextEncoder
from train_tools.families.stable_diffusion.stored import Stored

IDS = "position_ids"  # of a text encoder: the numbers from 0, which files needn't hold


@dataclass(frozen=True)
class Place:
    """Where a model is to lie, and in which precision."""

    device: torch.device
    dtype: torch.dtype
    vae_dtype: torch.dtype


@dataclass(frozen=True)
class Parts:
    """`tokenizers` are CLIPTokenizers, one for each text encoder."""

    unet: Any
    vae: Any
    text_encoders: tuple[Any, ...]
    tokenizers: tuple[Any, ...]

    def frozen(self) -> Parts:
        for module in (self.unet, self.vae, *self.text_encoders):
            module.eval().requires_grad_(False)
        return self


@dataclass(frozen=True)
class Filling:
    """A module, and where each of its tensors lies; `source` is what lacks those that lie nowhere."""

    module: nn.Module
    tensors: Mapping[str, Stored | None]
    source: Path


def filling(
    module: nn.Module, origins: Mapping[str, Sequence[Origin]], tensors: Mapping[str, Stored], source: Path
) -> Filling:
    """`origins` tell for each tensor of the module where it may lie."""
    return Filling(module, {name: _find(places, tensors) for name, places in origins.items()}, source)


def _find(places: Iterable[Origin], tensors: Mapping[str, Stored]) -> Stored | None:
    for place in places:
        if (found := tensors.get(place.name)) is not None:
            found = found if place.third is None else found.third(place.third)
            return found.transposed() if place.is_transposed else found
    return None


def fill(fillings: Sequence[Filling], place: Place, vae: nn.Module) -> None:
    """In the order in which the tensors lie in their files. Raises UsageError where one is missing or doesn't fit."""
    for one in fillings:
        missing = [name for name, stored in one.tensors.items() if stored is None]
        if missing:
            raise UsageError(f"{one.source} lacks {len(missing)} tensors ({missing[0]} …); download it again")
    rows = [
        (stored, one, name) for one in fillings for name, stored in one.tensors.items() if stored is not None
    ]
    # One room for all that is converted: many small ones between the tensors that stay would leave holes.
    room = max((stored.dtype.itemsize * math.prod(stored.shape) for stored, _, _ in rows), default=0)
    scratch = torch.empty(room, dtype=torch.uint8)
    for stored, one, name in sorted(rows, key=lambda row: row[0].at):
        dtype = place.vae_dtype if one.module is vae else place.dtype
        _put(one, name, stored, torch.empty(stored.shape, dtype=dtype, device=place.device), scratch)
    for one in fillings:
        count_positions(one.module, place.device)


def _put(one: Filling, name: str, stored: Stored, tensor: Tensor, scratch: Tensor) -> None:
    owner_name, _, leaf = name.rpartition(".")
    owner = one.module.get_submodule(owner_name)
    shape = getattr(owner, leaf).shape
    # A point convolution of one layout is a matrix of the other.
    if [side for side in tensor.shape if side != 1] != [side for side in shape if side != 1]:
        raise UsageError(
            f"{one.source} has a tensor of another size than the others ask for "
            f"({name}: {tuple(tensor.shape)} instead of {tuple(shape)}); download it again"
        )
    stored.into(tensor, scratch)
    setattr(owner, leaf, nn.Parameter(tensor.view(shape), requires_grad=False))


def count_positions(module: nn.Module, device: torch.device) -> None:
    """A text encoder's only buffer: it is in no file, and made without memory it counts nothing."""
    for name, buffer in list(module.named_buffers()):
        owner = module.get_submodule(name.rpartition(".")[0])
        numbers = torch.arange(buffer.shape[-1], device=device).expand(buffer.shape)
        owner.register_buffer(name.rpartition(".")[2], numbers, persistent=name in module.state_dict())


def named(module: nn.Module) -> list[str]:
    """The tensors that a file must hold."""
    return [name for name in module.state_dict() if not name.endswith(IDS)]


def text_model(encoder: TextEncoder, config: Mapping[str, Any]) -> nn.Module:
    """By the arguments of its CLIPTextConfig."""
    from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection

    kind = CLIPTextModelWithProjection if encoder.is_projected else CLIPTextModel
    return kind(CLIPTextConfig(**config))
