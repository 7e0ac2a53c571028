"""BOFT: the outputs of a layer are turned in several steps, each between others (Liu et al. 2024).

https://arxiv.org/abs/2311.06243. LyCORIS 3.2.0 can only train it in bypass mode, which turns the layer's output, so its
bias, too (modules/boft.py).
"""

from __future__ import annotations

import torch
from torch import Tensor

from .interface import Kind, Parts, Weights, number
from .oft import identity, rescaled, turns


def changed(layer: Weights, parts: Parts, multiplier: float) -> Weights:
    """Blocks are (steps, count, size, size)."""
    blocks = parts["oft_blocks"]
    turn = turns(blocks, number(parts, "alpha", 0) * len(layer.weight))
    steps = multiplier * turn + (1 - multiplier) * identity(blocks)

    def turned(values: Tensor) -> Tensor:
        return rescaled(_turned(values, steps), parts, multiplier)

    return Weights(turned(layer.weight), None if layer.bias is None else turned(layer.bias))


def _turned(values: Tensor, steps: Tensor) -> Tensor:
    """Step i turns outputs that are 2**i * size / 2 apart: a butterfly."""
    size = steps.shape[-1]
    for index, step in enumerate(steps):
        apart = 2**index * size // 2
        grouped = values.unflatten(0, (-1, 2, apart)).transpose(1, 2).flatten(0, 2).unflatten(0, (-1, size))
        turned = torch.einsum("b i j, b j ... -> b i ...", step, grouped).flatten(0, 1)
        values = turned.unflatten(0, (-1, apart, 2)).transpose(1, 2).flatten(0, 2)
    return values


KIND = Kind("BOFT", ("oft_blocks", "rescale", "alpha"), changed)
