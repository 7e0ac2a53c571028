"""Differences of a normalisation layer's weight and bias: LyCORIS' `train_norm` (modules/norms.py of 3.2.0)."""

from __future__ import annotations

from typing import Any

import torch.nn.functional as F
from torch import Tensor, nn

from .full import bias_changed
from .interface import Kind, Parts, Weights
from .trained import Factor, Form, Shape, zeros

WEIGHT, BIAS = "w_norm", "b_norm"
LAYERS = (nn.LayerNorm, nn.GroupNorm)


def changed(layer: Weights, parts: Parts, multiplier: float) -> Weights:
    difference = parts[WEIGHT]
    if difference.shape != layer.weight.shape:
        raise ValueError(difference.shape, layer.weight.shape)
    return Weights(
        layer.weight + multiplier * difference, bias_changed(layer.bias, parts.get(BIAS), multiplier)
    )


def is_of(shape: Shape) -> bool:
    """Whether a layer's weight of this shape is such a layer's."""
    return len(shape) == 1


def trained(shape: Shape) -> Form:
    return Form((Factor(WEIGHT, shape, zeros), Factor(BIAS, shape, zeros)), beside=beside)


def beside(parts: Parts, layer: Any, x: Tensor) -> Tensor:
    """What the factors of K runs add to the layer's output, (K*B, …) as x is."""
    weight, bias = parts[WEIGHT], parts[BIAS]
    count = len(weight)
    if isinstance(layer, nn.GroupNorm):
        plain = F.group_norm(x, layer.num_groups, None, None, layer.eps)
        shape = count, 1, -1, *[1] * (x.dim() - 2)  # channels come first
    else:
        plain = F.layer_norm(x, layer.normalized_shape, None, None, layer.eps)
        shape = count, *[1] * (x.dim() - 1), -1
    by_run = plain.unflatten(0, (count, -1))
    return (by_run * weight.view(shape) + bias.view(shape)).flatten(0, 1)


KIND = Kind("norm", (WEIGHT, BIAS), changed, (WEIGHT, BIAS))
