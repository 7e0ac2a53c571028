"""LoHa: the product, entry by entry, of two low-rank matrices.

Hyeon-Woo et al. 2022, https://arxiv.org/abs/2108.06098, as LyCORIS trains it (modules/loha.py of 3.2.0): scaled once by
alpha / rank, though its `get_diff_weight` scales twice. With Tucker's form its own gradients of `w1_a` and `w2_a` are
not those of its formula (each is computed with the other core); here they are.
"""

from __future__ import annotations

import math

from torch import Tensor

from .delta import added
from .interface import Kind, Parts, Weights, number
from .low_rank import in_tucker
from .trained import RANK, Factor, Form, Shape, normal, with_scalar, zeros


def delta(parts: Parts) -> Tensor:
    rank = len(parts["hada_w1_b"])
    scale = number(parts, "alpha", rank) / rank
    cores = {name: parts[name].flatten(2) for name in ("hada_t1", "hada_t2") if name in parts}
    return scale * product({**parts, **cores})


def changed(layer: Weights, parts: Parts, multiplier: float) -> Weights:
    return added(layer, delta(parts), parts, multiplier)


def product(parts: Parts) -> Tensor:
    """(…, outputs, inputs x kernel) before alpha / rank; a core has its kernel as one axis."""
    return _one(parts, "1") * _one(parts, "2")


def _one(parts: Parts, which: str) -> Tensor:
    a, b = parts[f"hada_w{which}_a"], parts[f"hada_w{which}_b"]
    if (core := parts.get(f"hada_t{which}")) is None:
        return a @ b
    return in_tucker(core, a.transpose(-1, -2), b)  # Tucker: the kernel is in the core


def trained(shape: Shape, _rank: int, *, tucker: bool = False, scalar: bool = False) -> Form:
    outputs, inputs, kernel = shape[0], shape[1], shape[2:]
    has_core = tucker and any(size != 1 for size in kernel)
    factors = []
    for which, start in (("1", normal(0.1)), ("2", zeros)):
        if has_core:
            core = Factor(
                f"hada_t{which}", (RANK, RANK, math.prod(kernel)), normal(0.1), (RANK, RANK, *kernel)
            )
            factors += [core, Factor(f"hada_w{which}_a", (RANK, outputs), start)]
            factors += [Factor(f"hada_w{which}_b", (RANK, inputs), normal(1))]
        else:
            factors += [Factor(f"hada_w{which}_a", (outputs, RANK), start)]
            factors += [Factor(f"hada_w{which}_b", (RANK, inputs * math.prod(kernel)), normal(1))]
    form = Form(tuple(factors), product)
    return with_scalar(form, "hada_w1_a", "hada_w2_a", normal(0.1)) if scalar else form


NAMES = (
    "hada_w1_a", "hada_w1_b", "hada_w2_a", "hada_w2_b", "hada_t1", "hada_t2", "alpha", "dora_scale",
)  # fmt: skip
KIND = Kind("LoHa", NAMES, changed, ("hada_w1_a",), delta)
