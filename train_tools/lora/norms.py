"""How long what each LoRA adds to a weight may be: `scale_weight_norms`, as networks.lora of sd-scripts keeps it."""

from __future__ import annotations

import torch
from torch import Tensor

from .stack import Delta, LoraStack


@torch.no_grad()
def limit_norms(stack: LoraStack, limits: Tensor) -> None:
    """`limits` (K, 1, 1) are those of the LoRAs, 0: none. Both factors of a layer that is longer get shorter alike."""
    for delta in stack.deltas:
        norm = torch.maximum(norms(delta), limits / 2)
        ratio = torch.where(limits > 0, torch.minimum(norm, limits) / norm, 1.0).sqrt()
        delta.down.mul_(ratio)
        delta.up.mul_(ratio)


def norms(delta: Delta) -> Tensor:
    """(K, 1, 1) of two factors' product; from products of each factor with itself, as they are small."""
    ups = torch.bmm(delta.up.transpose(1, 2), delta.up)
    downs = torch.bmm(delta.down, delta.down.transpose(1, 2))
    return (ups * downs).sum((1, 2), keepdim=True).clamp(min=0).sqrt() * delta.scale
