"""How a kind of network is trained: which factors it has on a layer, how they begin, and what they add to its weight.

All formulas take the factors of K runs at once: each tensor has the runs as its first axis, and ranks that are smaller
than the largest are padded with zeros, which add nothing and get no gradient.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Generator, Tensor

from .interface import Parts

RANK = -1  # stands in a shape for the rank
Shape = tuple[int, ...]
# The first values of a factor of this shape, of one run on a layer of such weights.
Start = Callable[[Shape, Generator, Tensor], Tensor]


@dataclass(frozen=True)
class Factor:
    """`name` is the end of its name in a file; `saved` its shape there, where the formulas take another. `is_turned`:
    of its two axes the second comes first in memory.
    """

    name: str
    shape: Shape
    start: Start
    saved: Shape = ()
    is_turned: bool = False

    def turned(self, tensor: Tensor) -> Tensor:
        """A tensor of its shape as it lies in memory, or the other way round."""
        return tensor.transpose(-1, -2) if self.is_turned else tensor

    def own_shape(self, rank: int) -> Shape:
        return _ranked(self.shape, rank)

    def saved_shape(self, rank: int) -> Shape:
        return _ranked(self.saved or self.shape, rank)

    def own(self, rank: int) -> tuple[slice, ...]:
        """Where the numbers of a run of this rank lie in the padded factor; a rank of 0: it has none."""
        if not rank:
            return tuple(slice(0, 0) for _ in self.shape) or (slice(0, 0),)
        return tuple(slice(0, rank) if size == RANK else slice(None) for size in self.shape)


Convolve = Callable[[Tensor, Tensor], Tensor]
Product = Callable[[Parts, Tensor, Convolve], Tensor]
# Of factors, a layer and its input: what they add to its output.
Beside = Callable[[Parts, Any, Tensor], Tensor]


@dataclass(frozen=True)
class Form:
    """A kind of network on one layer.

    `added` gives what factors of K runs add to the layer's weight, (K, outputs, inputs x kernel) before alpha / rank;
    None: the factors work beside the layer, as `low_rank`'s two, or as `beside` says for a layer that is neither linear
    nor a convolution; such a layer's file has no alpha. `product`, where there is one, gives what they
    make of inputs (K, rows, inputs) without such a weight; or of pictures (K, samples, inputs, h, w), given the
    convolution of pictures with kernels (K, outputs, inputs, h, w): (K, samples, outputs, h, w). `scalar_in` names the
    factor that a file has multiplied by the trained `scalar`, where there is one. `is_decomposed`: DoRA's lengths are
    trained besides.
    """

    factors: tuple[Factor, ...]
    added: Callable[[Parts], Tensor] | None = None
    product: Product | None = None
    beside: Beside | None = None
    scalar_in: str = ""
    is_decomposed: bool = False

    @property
    def is_low_rank(self) -> bool:
        """Two factors that work beside the layer."""
        return self.added is None and self.beside is None


# A form from a layer's shape and the rank.
Trained = Callable[[Shape, int], Form]
SCALAR, LENGTHS = "scalar", "dora_scale"


def zeros(shape: Shape, _generator: Generator, _weight: Tensor) -> Tensor:
    return torch.zeros(shape)


def kaiming(shape: Shape, generator: Generator, _weight: Tensor) -> Tensor:
    """torch's kaiming_uniform_ with a = sqrt(5)."""
    bound = 1 / math.sqrt(math.prod(shape[1:]))
    return torch.empty(shape).uniform_(-bound, bound, generator=generator)


def normal(deviation: float) -> Start:
    def drawn(shape: Shape, generator: Generator, _weight: Tensor) -> Tensor:
        return torch.empty(shape).normal_(0, deviation, generator=generator)

    return drawn


def lengths(shape: Shape, _generator: Generator, weight: Tensor) -> Tensor:
    """Those of the layer's own weight, for each output or for each input."""
    over = [axis for axis, size in enumerate(shape) if size == 1]
    return torch.linalg.vector_norm(weight.detach().float().cpu(), dim=over, keepdim=True)


def with_scalar(form: Form, scalar_in: str, waking: str, start: Start) -> Form:
    """LyCORIS' use_scalar: a number that begins at 0 is trained beside the factors, none of which begins at 0 then."""
    assert form.added is not None
    added = form.added

    def multiplied(parts: Parts) -> Tensor:
        return added(parts) * parts[SCALAR].view(-1, 1, 1)

    product = form.product

    def product_multiplied(parts: Parts, x: Tensor, convolve: Convolve) -> Tensor:
        assert product is not None
        found = product(parts, x, convolve)
        return found * parts[SCALAR].view(-1, *[1] * (found.dim() - 1))

    factors = [replace(one, start=start) if one.name == waking else one for one in form.factors]
    return replace(
        form,
        factors=(*factors, Factor(SCALAR, (), zeros)),
        added=multiplied,
        product=product_multiplied if product else None,
        scalar_in=scalar_in,
    )


def with_lengths(form: Form, shape: Shape, *, of_outputs: bool) -> Form:
    """DoRA: each output (or each input) has a length of its own."""
    sizes = (shape[0], 1) if of_outputs else (1, shape[1])
    factor = Factor(LENGTHS, (*sizes, *[1] * (len(shape) - 2)), lengths)
    return replace(form, factors=(*form.factors, factor), is_decomposed=True)


def _ranked(shape: Shape, rank: int) -> Shape:
    return tuple(rank if size == RANK else size for size in shape)
