"""LoKr: the Kronecker product of two matrices, each whole or low-rank.

Yeh et al. 2024, https://arxiv.org/abs/2309.14859, as LyCORIS trains it (modules/lokr.py of 3.2.0): scaled once by
alpha / rank, and not at all where both are whole.
"""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass

import torch
from torch import Tensor

from .delta import added
from .interface import Kind, Parts, Weights, number
from .low_rank import in_tucker
from .trained import RANK, Convolve, Factor, Form, Shape, kaiming, with_scalar, zeros


def delta(parts: Parts) -> Tensor:
    small, large = _factor(parts, "1"), _factor(parts, "2")
    small = small.reshape(*small.shape, *[1] * (large.dim() - small.dim()))
    ranks = [len(parts[name]) for name in ("lokr_w1_b", "lokr_w2_b") if name in parts]
    scale = number(parts, "alpha", ranks[0]) / ranks[0] if ranks else 1.0
    return scale * torch.kron(small, large.contiguous()).flatten(1)


def changed(layer: Weights, parts: Parts, multiplier: float) -> Weights:
    return added(layer, delta(parts), parts, multiplier)


def _factor(parts: Parts, which: str) -> Tensor:
    if (whole := parts.get(f"lokr_w{which}")) is not None:
        return whole
    a, b = parts[f"lokr_w{which}_a"], parts[f"lokr_w{which}_b"]
    if (core := parts.get(f"lokr_t{which}")) is None:
        return a @ b.flatten(1)
    return in_tucker(core.flatten(2), a.transpose(0, 1), b).unflatten(1, (-1, *core.shape[2:]))


@dataclass(frozen=True)
class Options:
    """Of network_args. `factor` is how large the small matrix may be, -1: as near to a square as it goes."""

    factor: int = -1
    both: bool = False  # the small matrix is low-rank, too
    whole: bool = False  # neither is
    is_unbalanced: bool = False
    tucker: bool = False
    scalar: bool = False

    def sides(self, shape: Shape) -> tuple[Shape, Shape]:
        """Outputs and inputs of the small matrix, and of the large one."""
        small_in, large_in = factorised(shape[1], self.factor)
        small_out, large_out = factorised(shape[0], self.factor)
        if self.is_unbalanced:
            small_out, large_out = large_out, small_out
        return (small_out, small_in), (large_out, large_in)

    def is_whole(self, shape: Shape, rank: int) -> tuple[bool, bool]:
        """Whether the small matrix is no product of two, and the large one."""
        small, large = self.sides(shape)
        in_two = self.both and rank < max(small) / 2
        return self.whole or not in_two, self.whole or rank >= max(large) / 2


def trained(shape: Shape, rank: int, options: Options = Options()) -> Form:
    small, large = options.sides(shape)
    kernel = shape[2:]
    numbers = math.prod(kernel)
    small_is_whole, large_is_whole = options.is_whole(shape, rank)
    if small_is_whole:
        factors = [Factor("lokr_w1", small, kaiming)]
    else:
        factors = [
            Factor("lokr_w1_a", (small[0], RANK), kaiming),
            Factor("lokr_w1_b", (RANK, small[1]), kaiming),
        ]
    if large_is_whole:
        factors += [Factor("lokr_w2", (large[0], large[1] * numbers), zeros, (*large, *kernel))]
    elif options.tucker and any(size != 1 for size in kernel):
        factors += [
            Factor("lokr_w2_a", (RANK, large[0]), kaiming),
            Factor("lokr_w2_b", (RANK, large[1]), zeros),
        ]
        factors += [Factor("lokr_t2", (RANK, RANK, numbers), kaiming, (RANK, RANK, *kernel))]
    else:
        factors += [
            Factor("lokr_w2_a", (large[0], RANK), kaiming),
            Factor("lokr_w2_b", (RANK, large[1] * numbers), zeros),
        ]
    has_core = any(factor.name.startswith("lokr_t") for factor in factors)
    added, beside = functools.partial(_products, kernel=kernel), functools.partial(_beside, kernel=kernel)
    form = Form(tuple(factors), added, None if has_core else beside)
    if not options.scalar:
        return form
    waking = "lokr_w2" if large_is_whole else "lokr_w2_b"
    return with_scalar(form, "lokr_w1" if small_is_whole else "lokr_w1_a", waking, kaiming)


def _products(parts: Parts, kernel: Shape) -> Tensor:
    """(K, outputs, inputs x kernel); the kernel belongs to the large matrix."""
    small, large = _stacked(parts, "1"), _stacked(parts, "2")
    large = large.unflatten(2, (-1, math.prod(kernel)))
    found = small[:, :, None, :, None, None] * large[:, None, :, None]  # K, a, b, c, d, kernel
    return found.flatten(3, 5).flatten(1, 2)


def _beside(parts: Parts, x: Tensor, convolve: Convolve, kernel: Shape) -> Tensor:
    """An input in as many rows as the small matrix has columns, times both: their product is never put together."""
    small = _stacked(parts, "1")
    whole = parts.get("lokr_w2")
    first = parts["lokr_w2_b"] if whole is None else whole
    parted = x.unflatten(2, (small.shape[2], -1))  # K, rows, c, d
    places: Shape = ()
    if kernel:
        kernels = first.unflatten(2, (-1, *kernel))
        hidden = convolve(parted.flatten(1, 2), kernels).unflatten(1, parted.shape[1:3])
        places = tuple(hidden.shape[4:])
        hidden = hidden.flatten(4)
    else:
        hidden = torch.einsum("kncd,krd->kncr", parted, first).unsqueeze(-1)
    found = torch.einsum("kac,kncrp->knarp", small, hidden)
    if whole is None:
        found = torch.einsum("kbr,knarp->knabp", parts["lokr_w2_a"], found)
    found = found.flatten(2, 3)
    return found.unflatten(3, places) if kernel else found.squeeze(-1)


def _stacked(parts: Parts, which: str) -> Tensor:
    if (whole := parts.get(f"lokr_w{which}")) is not None:
        return whole
    a, b = parts[f"lokr_w{which}_a"], parts[f"lokr_w{which}_b"]
    core = parts.get(f"lokr_t{which}")
    return a @ b if core is None else in_tucker(core, a.transpose(1, 2), b)


def factorised(size: int, factor: int = -1) -> tuple[int, int]:
    """Two divisors of a size, the smaller one first and at most `factor`: as near to each other as that goes."""
    if factor > 0 and size % factor == 0:
        return min(factor, size // factor), max(factor, size // factor)
    limit = size if factor < 0 else factor
    found = max(
        small
        for small in range(1, math.isqrt(size) + 1)
        if size % small == 0 and (small <= limit or small == 1)
    )
    return found, size // found


NAMES = (
    "lokr_w1", "lokr_w1_a", "lokr_w1_b", "lokr_w2", "lokr_w2_a", "lokr_w2_b", "lokr_t1", "lokr_t2", "alpha",
    "dora_scale",
)  # fmt: skip
WHOLE = Kind("LoKr", NAMES, changed, ("lokr_w1",), delta)
IN_TWO = Kind("LoKr", NAMES[1:], changed, ("lokr_w1_a",), delta)
