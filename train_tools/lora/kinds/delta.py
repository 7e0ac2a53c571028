"""What kinds share whose change is added to a weight: the multiplier, and DoRA around it."""

from __future__ import annotations

import torch
from torch import Tensor

from .interface import Parts, Weights


def added(layer: Weights, delta: Tensor, parts: Parts, multiplier: float) -> Weights:
    """`delta` has the layer's shape, or is the matrix that its flattened weight is.

    Raises ValueError where it has another size.
    """
    weight = layer.weight
    if delta.flatten(1).shape != weight.flatten(1).shape:
        raise ValueError(delta.shape, weight.shape)
    changed = weight + delta.reshape(weight.shape)
    if (scale := parts.get("dora_scale")) is not None:
        changed = decomposed(changed, scale)
    # From the weight to the changed one, so that 0 is the base model for DoRA, too.
    return Weights(weight + multiplier * (changed - weight), layer.bias)


def decomposed(weight: Tensor, scale: Tensor, first: int = 0) -> Tensor:
    """DoRA (Liu et al. 2024, https://arxiv.org/abs/2402.09353): directions of the weight, lengths of their own.

    LyCORIS has a length for each output (out, 1 …) or for each input (1, in …). `first` is the axis of the outputs:
    1 where those of several runs are stacked.
    """
    of = first if scale.shape[first] == weight.shape[first] else first + 1
    over = [axis for axis in range(first, weight.dim()) if axis != of]
    lengths = torch.linalg.vector_norm(weight, dim=over, keepdim=True)
    return weight * (scale.reshape(lengths.shape) / (lengths + torch.finfo(weight.dtype).eps))
