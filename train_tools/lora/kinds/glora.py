"""GLoRA: W + W A + B with low-rank A and B (Chavan et al. 2023, https://arxiv.org/abs/2306.07967).

As LyCORIS trains it (modules/glora.py of 3.2.0). A mixes the layer's inputs; B is a LoRA, with the kernel in `b2`.
"""

from __future__ import annotations

import torch

from .delta import added
from .interface import Kind, Parts, Weights, number


def changed(layer: Weights, parts: Parts, multiplier: float) -> Weights:
    a1, a2, b1, b2 = (parts[f"{name}.weight"].flatten(1) for name in ("a1", "a2", "b1", "b2"))
    scale = number(parts, "alpha", len(a2)) / len(a2)
    weight = layer.weight
    mixed = torch.einsum("o i ..., i r, r n -> o n ...", weight, a1, a2)
    return added(layer, scale * (mixed + (b1 @ b2).reshape(weight.shape)), {}, multiplier)


NAMES = "a1.weight", "a2.weight", "b1.weight", "b2.weight", "alpha"
KIND = Kind("GLoRA", NAMES, changed, ("a1.weight", "b1.weight"))
