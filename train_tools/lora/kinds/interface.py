"""What a kind of network says of itself: by what its tensors are known, and what it makes of a layer's weights.

All formulas are those of the forward pass that trained them, so that a picture shows what was trained; other programs
differ in places. Each `changed` gives the base model's own weights at a multiplier of 0, and what was trained at 1.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from torch import Tensor

# A module's tensors (fp32) by the end of their names in the file, e.g. `lora_down.weight`.
Parts = Mapping[str, Tensor]


@dataclass(frozen=True)
class Weights:
    """Of one layer, fp32. `weight` has the layer's own shape."""

    weight: Tensor
    bias: Tensor | None = None


@dataclass(frozen=True)
class Kind:
    """`names` are all the tensors that a module of it may have; the first tells it from others.

    `changed` gives a layer's weights at a multiplier. It raises KeyError where a tensor is missing, RuntimeError or
    ValueError where shapes don't fit. It works on meta tensors, so that this is found out without computing anything.
    `scaled` are tensors with which all that it adds grows, one of each term, so that a weight can be put into a file.
    `delta` gives what a module adds to a weight, (outputs, inputs x kernel), of its tensors alone; None: it depends on
    the weight, as it does with DoRA.
    """

    title: str
    names: tuple[str, ...]
    changed: Callable[[Weights, Parts, float], Weights]
    scaled: tuple[str, ...] = ()
    delta: Callable[[Parts], Tensor] | None = None


def number(parts: Parts, name: str, default: float) -> float:
    """A tensor of one number."""
    found = parts.get(name)
    return default if found is None or found.is_meta else float(found)
