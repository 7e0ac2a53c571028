"""LoRA: networks.lora, lora_fa and dylora of sd-scripts, LyCORIS' LoCon and DyLoRA, with DoRA or without.

Hu et al. 2021, https://arxiv.org/abs/2106.09685: alpha / rank * up @ down. A convolution's `down` has its kernel, `up`
is 1 x 1; LyCORIS' Tucker form has the kernel in a tensor between them. All save the same names: DyLoRA (Valipour et al.
2022, https://arxiv.org/abs/2210.07558) puts its ranks together, LoRA-FA's frozen `down` is as any other.
"""

from __future__ import annotations

import math
from dataclasses import replace

import torch
from torch import Tensor

from .delta import added
from .interface import Kind, Parts, Weights, number
from .trained import RANK, Factor, Form, Shape, kaiming, with_scalar, zeros

UP, DOWN, MID, ALPHA = "lora_up.weight", "lora_down.weight", "lora_mid.weight", "alpha"
PLAIN = frozenset({DOWN, UP, ALPHA})


def is_plain(parts: Parts) -> bool:
    """Two factors and nothing else, so that it can be computed beside the layer, for many LoRAs at once."""
    return DOWN in parts and UP in parts and set(parts) <= PLAIN


def rank_and_alpha(parts: Parts) -> tuple[int, float]:
    rank = len(parts[DOWN])
    return rank, number(parts, ALPHA, rank)


def delta(parts: Parts) -> Tensor:
    rank, alpha = rank_and_alpha(parts)
    down, up = parts[DOWN].flatten(1), parts[UP].flatten(1)
    middle = parts.get(MID)
    return alpha / rank * (up @ down if middle is None else in_tucker(middle.flatten(2), up, down))


def changed(layer: Weights, parts: Parts, multiplier: float) -> Weights:
    return added(layer, delta(parts), parts, multiplier)


def in_tucker(middle: Tensor, up: Tensor, down: Tensor) -> Tensor:
    """(…, outputs, inputs x kernel) of a kernel between the factors: `middle` (…, R, R, kernel)."""
    return torch.einsum("...ijk,...oi,...jn->...onk", middle, up, down).flatten(-2)


def trained(
    shape: Shape, _rank: int, *, rebuilt: bool = False, tucker: bool = False, scalar: bool = False
) -> Form:
    """Beside the layer, or `rebuilt`: put together to a whole weight, as Tucker's form, a scalar and DoRA need it."""
    is_kernel = len(shape) > 2
    inputs, kernel = shape[1], shape[2:]
    up = Factor(UP, (shape[0], RANK), zeros, (shape[0], RANK, *[1] * len(kernel)))
    down = Factor(DOWN, (RANK, inputs * math.prod(kernel)), kaiming, (RANK, inputs, *kernel))
    if not (rebuilt or tucker or scalar):
        return Form((down, up if is_kernel else replace(up, is_turned=True)))  # see `fused`
    form = Form((down, up), lambda parts: parts[UP] @ parts[DOWN])
    if tucker and is_kernel and set(kernel) != {1}:
        down = Factor(DOWN, (RANK, inputs), kaiming, (RANK, inputs, *[1] * len(kernel)))
        middle = Factor(MID, (RANK, RANK, math.prod(kernel)), kaiming, (RANK, RANK, *kernel))
        form = Form((down, up, middle), lambda parts: in_tucker(parts[MID], parts[UP], parts[DOWN]))
    return with_scalar(form, UP, UP, kaiming) if scalar else form


KIND = Kind("LoRA", (UP, DOWN, MID, ALPHA, "dora_scale"), changed, (UP,), delta)
