"""LoHa: the product, entry by entry, of two low-rank matrices.

Hyeon-Woo et al. 2022, https://arxiv.org/abs/2108.06098, as LyCORIS trains it (modules/loha.py of 3.2.0): scaled once by
alpha / rank, though its `get_diff_weight` scales twice.
"""

from __future__ import annotations

import torch
from torch import Tensor

from .delta import added
from .interface import Kind, Parts, Weights, number


def changed(layer: Weights, parts: Parts, multiplier: float) -> Weights:
    rank = len(parts["hada_w1_b"])
    scale = number(parts, "alpha", rank) / rank
    return added(layer, scale * _product(parts, "1") * _product(parts, "2"), parts, multiplier)


def _product(parts: Parts, which: str) -> Tensor:
    a, b = parts[f"hada_w{which}_a"], parts[f"hada_w{which}_b"]
    if (core := parts.get(f"hada_t{which}")) is None:
        return a @ b
    return torch.einsum("i j ..., i o, j n -> o n ...", core, a, b)  # Tucker: the kernel is in the core


NAMES = (
    "hada_w1_a", "hada_w1_b", "hada_w2_a", "hada_w2_b", "hada_t1", "hada_t2", "alpha", "dora_scale",
)  # fmt: skip
KIND = Kind("LoHa", NAMES, changed, ("hada_w1_a",))
