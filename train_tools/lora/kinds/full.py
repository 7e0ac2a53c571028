"""Whole differences: of a weight and its bias (LyCORIS' full), and of a normalisation layer (its `train_norm`)."""

from __future__ import annotations

from torch import Tensor

from .delta import added
from .interface import Kind, Parts, Weights


def delta(parts: Parts) -> Tensor:
    return parts["diff"].flatten(1)


def changed(layer: Weights, parts: Parts, multiplier: float) -> Weights:
    whole = added(layer, delta(parts), {}, multiplier)
    return Weights(whole.weight, _bias(layer.bias, parts.get("diff_b"), multiplier))


def norm_changed(layer: Weights, parts: Parts, multiplier: float) -> Weights:
    difference = parts["w_norm"]
    if difference.shape != layer.weight.shape:
        raise ValueError(difference.shape, layer.weight.shape)
    return Weights(layer.weight + multiplier * difference, _bias(layer.bias, parts.get("b_norm"), multiplier))


def _bias(bias: Tensor | None, difference: Tensor | None, multiplier: float) -> Tensor | None:
    """Raises ValueError where there is a difference and no bias, or one of another size."""
    if difference is None:
        return bias
    if bias is None or bias.shape != difference.shape:
        raise ValueError(difference.shape)
    return bias + multiplier * difference


KIND = Kind("full", ("diff", "diff_b"), changed, ("diff", "diff_b"), delta)
NORM = Kind("norm", ("w_norm", "b_norm"), norm_changed, ("w_norm", "b_norm"))
