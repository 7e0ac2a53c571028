"""LoKr: the Kronecker product of two matrices, each whole or low-rank.

Yeh et al. 2024, https://arxiv.org/abs/2309.14859, as LyCORIS trains it (modules/lokr.py of 3.2.0): scaled once by
alpha / rank, and not at all where both are whole.
"""

from __future__ import annotations

import torch
from torch import Tensor

from .delta import added
from .interface import Kind, Parts, Weights, number


def changed(layer: Weights, parts: Parts, multiplier: float) -> Weights:
    small, large = _factor(parts, "1"), _factor(parts, "2")
    small = small.reshape(*small.shape, *[1] * (large.dim() - small.dim()))
    ranks = [len(parts[name]) for name in ("lokr_w1_b", "lokr_w2_b") if name in parts]
    scale = number(parts, "alpha", ranks[0]) / ranks[0] if ranks else 1.0
    return added(layer, scale * torch.kron(small, large.contiguous()), parts, multiplier)


def _factor(parts: Parts, which: str) -> Tensor:
    if (whole := parts.get(f"lokr_w{which}")) is not None:
        return whole
    a, b = parts[f"lokr_w{which}_a"], parts[f"lokr_w{which}_b"]
    if (core := parts.get(f"lokr_t{which}")) is None:
        return a @ b.flatten(1)
    return torch.einsum("i j ..., i o, j n -> o n ...", core, a, b)


NAMES = (
    "lokr_w1", "lokr_w1_a", "lokr_w1_b", "lokr_w2", "lokr_w2_a", "lokr_w2_b", "lokr_t1", "lokr_t2", "alpha",
    "dora_scale",
)  # fmt: skip
WHOLE = Kind("LoKr", NAMES, changed, ("lokr_w1",))
IN_TWO = Kind("LoKr", NAMES[1:], changed, ("lokr_w1_a",))
