"""How much a LoRA changes each layer, and how far two of them are from each other; with torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from train_tools.lora.tools.interface import Watch
from train_tools.lora.tools.modules import LoraModules, Module, named, open_lora
from train_tools.lora.tools.opened import Opened


@dataclass(frozen=True)
class Pair:
    """Norms of what two files add to one layer, of their difference, and their scalar product. 0 where one lacks it."""

    first: float = 0.0
    second: float = 0.0
    difference: float = 0.0
    product: float = 0.0


def norms_of(opened: Opened, watch: Watch) -> Mapping[tuple[str, str], float]:
    """Of each layer by part and path; those that depend on the base model's weights (DoRA …) are left out."""
    file, layers, found = open_lora(opened.path), opened.keys.layers, {}
    for number, (at, layer) in enumerate(layers.items()):
        name, _ = named(next(iter(layer.tensors.values())))
        watch.step(number, len(layers), name)
        if (delta := _delta(file.modules[name])) is not None:
            found[at] = float(torch.linalg.norm(delta))
    return found


def pairs_of(first: LoraModules, second: LoraModules, watch: Watch) -> Mapping[str, Pair]:
    """Of each layer that one of them has, but where the base model's weights would be needed, or sizes differ."""
    names = list(dict.fromkeys([*first.modules, *second.modules]))
    found = {}
    for number, name in enumerate(names):
        watch.step(number, len(names), name)
        one, other = first.modules.get(name), second.modules.get(name)
        deltas = [_delta(module) if module else None for module in (one, other)]
        if (one and deltas[0] is None) or (other and deltas[1] is None):
            continue
        pair = _pair(*deltas)
        if pair is not None:
            found[name] = pair
    return found


def _pair(first: Tensor | None, second: Tensor | None) -> Pair | None:
    if first is None or second is None:
        norms = [0.0 if one is None else float(torch.linalg.norm(one)) for one in (first, second)]
        return Pair(norms[0], norms[1], max(norms))
    if first.shape != second.shape:
        return None
    one, other, both = (float(torch.linalg.norm(x)) for x in (first, second, first - second))
    return Pair(one, other, both, float((first * second).sum()))


def _delta(module: Module) -> Tensor | None:
    """What it adds to the weight; None where that depends on the weight, or it adds to no matrix."""
    return None if module.needs_weight else module.delta(module.parts())
