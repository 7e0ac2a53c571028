"""LoRA: networks.lora, lora_fa and dylora of sd-scripts, LyCORIS' LoCon and DyLoRA, with DoRA or without.

Hu et al. 2021, https://arxiv.org/abs/2106.09685: alpha / rank * up @ down. A convolution's `down` has its kernel, `up`
is 1 x 1; LyCORIS' Tucker form has the kernel in a tensor between them. All save the same names: DyLoRA (Valipour et al.
2022, https://arxiv.org/abs/2210.07558) puts its ranks together, LoRA-FA's frozen `down` is as any other.
"""

from __future__ import annotations

import torch

from .delta import added
from .interface import Kind, Parts, Weights, number

UP, DOWN, MID, ALPHA = "lora_up.weight", "lora_down.weight", "lora_mid.weight", "alpha"
PLAIN = frozenset({DOWN, UP, ALPHA})


def is_plain(parts: Parts) -> bool:
    """Two factors and nothing else, so that it can be computed beside the layer, for many LoRAs at once."""
    return DOWN in parts and UP in parts and set(parts) <= PLAIN


def rank_and_alpha(parts: Parts) -> tuple[int, float]:
    rank = len(parts[DOWN])
    return rank, number(parts, ALPHA, rank)


def changed(layer: Weights, parts: Parts, multiplier: float) -> Weights:
    rank, alpha = rank_and_alpha(parts)
    down, up = parts[DOWN].flatten(1), parts[UP].flatten(1)
    middle = parts.get(MID)
    delta = up @ down if middle is None else torch.einsum("i j ..., o i, j n -> o n ...", middle, up, down)
    return added(layer, alpha / rank * delta, parts, multiplier)


KIND = Kind("LoRA", (UP, DOWN, MID, ALPHA, "dora_scale"), changed, (UP,))
