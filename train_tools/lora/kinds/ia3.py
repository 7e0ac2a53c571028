"""(IA)³: each output of a layer, or each of its inputs, gets a factor of its own.

Liu et al. 2022, https://arxiv.org/abs/2205.05638; LyCORIS saves the factors less 1.
"""

from __future__ import annotations

from .interface import Kind, Parts, Weights, number


def changed(layer: Weights, parts: Parts, multiplier: float) -> Weights:
    factors, weight = parts["weight"].flatten(), layer.weight
    axis = 1 if number(parts, "on_input", 0) else 0
    if len(factors) != weight.shape[axis]:
        raise ValueError(factors.shape, weight.shape)
    shape = [len(factors) if axis == at else 1 for at in range(weight.dim())]
    return Weights(weight * (1 + multiplier * factors.reshape(shape)), layer.bias)


KIND = Kind("(IA)³", ("on_input", "weight"), changed, ("weight",))
