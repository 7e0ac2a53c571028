"""Low-rank deltas of K LoRAs on one frozen model, all computed in one pass.

A batch of N = K x B samples runs through the base once. Sample n belongs to LoRA n // B.
Every target layer W adds, to each LoRA's own slice of its output,

    scale_k * multiplier_n * B_k (A_k x),        scale_k = alpha_k / rank_k

(Hu et al. 2021, https://arxiv.org/abs/2106.09685) by batched matrix products. All factors live in
one buffer (K, P); a layer's A (K, R, in) and B (K, out, R) are views into it, so nothing is
stacked or copied in a step. Smaller ranks are padded with zeros, which stay zero.
"""

from __future__ import annotations

import contextlib
import math
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from .targets import Target


@dataclass
class Delta:
    """The factors of one target: `down` (K, R, in), `up` (K, out, R)."""

    target: Target
    down: Tensor
    up: Tensor


class LoraStack:
    """K LoRAs over the same targets; `ranks` and `alphas` may differ between them."""

    def __init__(
        self,
        targets: Sequence[Target],
        ranks: Sequence[int],
        alphas: Sequence[float],
        device: torch.device | None = None,
        dtype: torch.dtype = torch.float32,
    ) -> None:
        self.count = len(ranks)
        self.ranks = tuple(ranks)
        self.alphas = tuple(float(a) for a in alphas)
        self.rank = max(ranks)
        # The text encoder's part first: a LoRA's parameters are two contiguous pieces,
        # as each part may have a learning rate of its own.
        ordered = sorted(targets, key=lambda t: not t.is_text)
        sizes = [self.rank * (t.in_features + t.out_features) for t in ordered]
        self.text_size = sum(s for t, s in zip(ordered, sizes, strict=True) if t.is_text)
        self.flat = torch.zeros(self.count, sum(sizes), device=device, dtype=dtype)
        scales = [a / r for a, r in zip(alphas, ranks, strict=True)]
        self.scale = torch.tensor(scales, device=device, dtype=dtype).view(-1, 1, 1)
        self.deltas: list[Delta] = []
        start = 0
        for target, size in zip(ordered, sizes, strict=True):
            down_size = self.rank * target.in_features
            down = self.flat[:, start : start + down_size]
            up = self.flat[:, start + down_size : start + size]
            shape = (self.count, self.rank, target.in_features), (self.count, target.out_features, self.rank)
            self.deltas.append(Delta(target, down.view(shape[0]), up.view(shape[1])))
            start += size
        self._multipliers: Sequence[Tensor] | None = None
        self._hooks: list[Any] = []

    @torch.no_grad()
    def initialise(self, index: int, seed: int) -> None:
        """Kaiming-uniform `down` and zero `up`, as sd-scripts' networks.lora; from `seed` alone."""
        generator = torch.Generator().manual_seed(seed)
        rank = self.ranks[index]
        for delta in self.deltas:
            bound = 1 / math.sqrt(delta.target.in_features)
            values = torch.empty(rank, delta.target.in_features).uniform_(-bound, bound, generator=generator)
            delta.down[index, :rank] = values.to(delta.down)

    def train_into(self) -> Tensor:
        """Makes the factors trainable; returns the buffer (K, P) that their gradients are added to."""
        # Adding into views of one buffer is the point; torch suggests copies.
        warnings.filterwarnings("ignore", message="grad and param do not obey the gradient layout contract")
        gradients = torch.zeros_like(self.flat)
        start = 0
        for delta in self.deltas:
            for factor in (delta.down, delta.up):
                size = factor[0].numel()
                factor.requires_grad_()
                factor.grad = gradients[:, start : start + size].view_as(factor)
                start += size
        return gradients

    @contextlib.contextmanager
    def attached(self) -> Iterator[LoraStack]:
        """Within this context the target layers add their deltas."""
        self._hooks = [
            d.target.layer.register_forward_hook(self._hook(i, d)) for i, d in enumerate(self.deltas)
        ]
        try:
            yield self
        finally:
            for hook in self._hooks:
                hook.remove()
            self._hooks = []

    @contextlib.contextmanager
    def multiplied(self, multipliers: Tensor | Sequence[Tensor]) -> Iterator[None]:
        """Within this context each sample's delta is multiplied by its entry of (K, B), one for each of `deltas`.

        A single tensor is for all of them.
        """
        is_one = isinstance(multipliers, Tensor)
        self._multipliers = [multipliers] * len(self.deltas) if is_one else list(multipliers)
        try:
            yield
        finally:
            self._multipliers = None

    def _hook(self, index: int, delta: Delta) -> Any:
        add = self._add_to_convolution if isinstance(delta.target.layer, nn.Conv2d) else self._add_to_linear

        def hook(_layer: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> Tensor:
            return add(delta, inputs[0], output, self._multipliers[index] if self._multipliers else None)

        return hook

    def _add_to_linear(self, delta: Delta, x: Tensor, output: Tensor, multiplier: Tensor | None) -> Tensor:
        """x (K*B, ..., in), output (K*B, ..., out)."""
        flat = x.reshape(self.count, -1, x.shape[-1])
        hidden = torch.bmm(flat, delta.down.transpose(1, 2)) * self.scale.to(flat.dtype)
        if multiplier is not None:
            hidden = hidden * _per_row(multiplier, hidden.shape[1]).to(hidden.dtype)
        base = output.reshape(self.count, -1, output.shape[-1])
        return torch.baddbmm(base, hidden, delta.up.transpose(1, 2)).reshape(output.shape)

    def _add_to_convolution(
        self, delta: Delta, x: Tensor, output: Tensor, multiplier: Tensor | None
    ) -> Tensor:
        """x (K*B, in, H, W), output (K*B, out, H, W)."""
        samples = x.shape[0] // self.count
        pixels = x.flatten(2).view(self.count, samples, x.shape[1], -1)
        hidden = torch.matmul(delta.down.unsqueeze(1), pixels) * self.scale.to(x.dtype).unsqueeze(1)
        if multiplier is not None:
            hidden = hidden * multiplier.to(hidden.dtype)[:, :, None, None]
        return output + torch.matmul(delta.up.unsqueeze(1), hidden).view(output.shape)


def _per_row(multiplier: Tensor, rows: int) -> Tensor:
    """The multiplier (K, B) as a column (K, B*T, 1) over `rows` = B*T token rows."""
    samples = multiplier.shape[1]
    return multiplier.repeat_interleave(rows // samples, dim=1).unsqueeze(-1)
