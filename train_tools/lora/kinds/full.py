"""Whole differences of a weight and its bias: LyCORIS' full."""

from __future__ import annotations

from torch import Tensor

from .delta import added
from .interface import Kind, Parts, Weights


def delta(parts: Parts) -> Tensor:
    return parts["diff"].flatten(1)


def changed(layer: Weights, parts: Parts, multiplier: float) -> Weights:
    whole = added(layer, delta(parts), {}, multiplier)
    return Weights(whole.weight, bias_changed(layer.bias, parts.get("diff_b"), multiplier))


def bias_changed(bias: Tensor | None, difference: Tensor | None, multiplier: float) -> Tensor | None:
    """Raises ValueError where there is a difference and no bias, or one of another size."""
    if difference is None:
        return bias
    if bias is None or bias.shape != difference.shape:
        raise ValueError(difference.shape)
    return bias + multiplier * difference


KIND = Kind("full", ("diff", "diff_b"), changed, ("diff", "diff_b"), delta)
