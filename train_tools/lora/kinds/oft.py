"""OFT: the outputs of a layer are turned, block by block (Qiu et al. 2023, https://arxiv.org/abs/2306.07280).

sd-scripts' networks.oft and LyCORIS' diag-oft save the same. A block of the file, less its transpose, is skew; Cayley's
transform (I + Q)(I - Q)^-1 makes the turn of it. `alpha` bounds the length of all of Q: alpha * outputs, 0 is no bound.
"""

from __future__ import annotations

import torch
from torch import Tensor

from .interface import Kind, Parts, Weights, number


def turns(blocks: Tensor, bound: float) -> Tensor:
    """Rotation matrices (…, size, size) of blocks of that shape."""
    skew = blocks - blocks.transpose(-1, -2)
    if bound > 0:
        length = torch.linalg.vector_norm(skew)
        skew = skew * ((length.clamp(max=bound) + 1e-8) / (length + 1e-8))
    one = identity(blocks)
    return (one + skew) @ torch.linalg.inv(one - skew)


def identity(blocks: Tensor) -> Tensor:
    return torch.eye(blocks.shape[-1], dtype=blocks.dtype, device=blocks.device)


def rescaled(weight: Tensor, parts: Parts, multiplier: float) -> Tensor:
    """LyCORIS may give each output a factor besides."""
    factors = parts.get("rescale")
    if factors is None:
        return weight
    return weight * (1 + multiplier * (factors.reshape(-1, *[1] * (weight.dim() - 1)) - 1))


def changed(layer: Weights, parts: Parts, multiplier: float) -> Weights:
    blocks, weight = parts["oft_blocks"], layer.weight
    count, size, _ = blocks.shape
    turn = turns(blocks, number(parts, "alpha", 0) * len(weight))
    part = multiplier * (turn - identity(blocks)) + identity(blocks)
    turned = torch.einsum("k n m, k n ... -> k m ...", part, weight.unflatten(0, (count, size)))
    return Weights(rescaled(turned.flatten(0, 1), parts, multiplier), layer.bias)


KIND = Kind("OFT", ("oft_blocks", "rescale", "alpha"), changed)
