"""How long what each LoRA adds to a weight may be: `scale_weight_norms`, as networks.lora of sd-scripts keeps it."""

from __future__ import annotations

import torch
from torch import Tensor

from .stack import Delta, LoraStack


@torch.no_grad()
def limit_norms(stack: LoraStack, limits: Tensor) -> Tensor:
    """`limits` (K, 1, 1) are those of the LoRAs, 0: none. Both factors of a layer that is longer get shorter alike.

    Returns (3, K): how many layers got shorter, how long a LoRA's layers are then on average, and the longest of them.
    """
    after, shorter = [], []
    for delta in stack.deltas:
        found = norms(delta)
        norm = torch.maximum(found, limits / 2)
        ratio = torch.where(limits > 0, torch.minimum(norm, limits) / norm, 1.0)
        delta.down.mul_(ratio.sqrt())
        delta.up.mul_(ratio.sqrt())
        after.append(found * ratio)
        shorter.append(ratio < 1)
    lengths, counts = torch.stack(after).flatten(1), torch.stack(shorter).flatten(1).sum(0)
    layers = torch.tensor([[rank > 0 for rank in delta.ranks] for delta in stack.deltas]).sum(0)
    average = lengths.sum(0) / layers.to(lengths)
    return torch.stack([counts.to(lengths), average, lengths.amax(0)])


def norms(delta: Delta) -> Tensor:
    """(K, 1, 1) of two factors' product; from products of each factor with itself, as they are small."""
    ups = torch.bmm(delta.up.transpose(1, 2), delta.up)
    downs = torch.bmm(delta.down, delta.down.transpose(1, 2))
    return (ups * downs).sum((1, 2), keepdim=True).clamp(min=0).sqrt() * delta.scale
