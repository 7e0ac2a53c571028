"""Low-rank deltas of K LoRAs on one frozen model, all computed in one pass.

A batch of N = K x B samples runs through the base once. Sample n belongs to LoRA n // B.
Every target layer W adds, to each LoRA's own slice of its output,

    scale_k * multiplier_n * B_k (A_k x),        scale_k = alpha_k / rank_k

(Hu et al. 2021, https://arxiv.org/abs/2106.09685) by batched matrix products. All factors live in
one buffer (K, P); a layer's A (K, R, in) and B (K, out, R) are views into it, so nothing is
stacked or copied in a step. Smaller ranks are padded with zeros, which stay zero. The A of a
convolution has its kernel (networks.lora's conv_dim), its B is 1 x 1.
"""

from __future__ import annotations

import contextlib
import math
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .targets import Target


@dataclass
class Delta:
    """The factors of one target: `down` (K, R, in), `up` (K, out, R), `scale` (K, 1, 1).

    `ranks` and `alphas` are each LoRA's own; a rank of 0: it leaves this layer alone.
    """

    target: Target
    down: Tensor
    up: Tensor
    scale: Tensor
    ranks: tuple[int, ...]
    alphas: tuple[float, ...]


class LoraStack:
    """K LoRAs over the same targets; their ranks and alphas may differ."""

    def __init__(
        self,
        targets: Sequence[Target],
        ranks: Sequence[int],
        alphas: Sequence[float],
        device: torch.device | None = None,
        dtype: torch.dtype = torch.float32,
    ) -> None:
        """`ranks` and `alphas` of each LoRA, the same for all its targets."""
        self.ranks = tuple(ranks)
        self._make([(target, self.ranks, tuple(map(float, alphas))) for target in targets], device, dtype)

    @classmethod
    def of_sizes(
        cls,
        targets: Sequence[Target],
        sizes: Sequence[Mapping[str, tuple[int, float]]],
        device: torch.device | None = None,
        dtype: torch.dtype = torch.float32,
    ) -> LoraStack:
        """`sizes` are each LoRA's rank and alpha by the target's name; what none has is left out."""
        made = cls.__new__(cls)
        rows = []
        for target in targets:
            own = [of_lora.get(target.name, (0, 0.0)) for of_lora in sizes]
            if any(rank for rank, _ in own):
                rows.append((target, tuple(rank for rank, _ in own), tuple(alpha for _, alpha in own)))
        made.ranks = tuple(max((rank for rank, _ in one.values()), default=0) for one in sizes)
        made._make(rows, device, dtype)
        return made

    def _make(
        self,
        rows: Sequence[tuple[Target, tuple[int, ...], tuple[float, ...]]],
        device: torch.device | None,
        dtype: torch.dtype,
    ) -> None:
        self.count = len(self.ranks)
        # The text encoder's part first: a LoRA's parameters are two contiguous pieces,
        # as each part may have a learning rate of its own.
        ordered = sorted(rows, key=lambda row: not row[0].is_text)
        sizes = [max(ranks) * (t.in_features + t.out_features) for t, ranks, _ in ordered]
        self.text_size = sum(s for (t, *_), s in zip(ordered, sizes, strict=True) if t.is_text)
        self.flat = torch.zeros(self.count, sum(sizes), device=device, dtype=dtype)
        scales: dict[tuple[float, ...], Tensor] = {}  # few are different
        self.deltas: list[Delta] = []
        start = 0
        for (target, ranks, alphas), size in zip(ordered, sizes, strict=True):
            rank = max(ranks)
            down_size = rank * target.in_features
            down = self.flat[:, start : start + down_size]
            up = self.flat[:, start + down_size : start + size]
            shape = (self.count, rank, target.in_features), (self.count, target.out_features, rank)
            own = tuple(a / r if r else 0.0 for a, r in zip(alphas, ranks, strict=True))
            if own not in scales:
                scales[own] = torch.tensor(own, device=device, dtype=dtype).view(-1, 1, 1)
            self.deltas.append(
                Delta(target, down.view(shape[0]), up.view(shape[1]), scales[own], ranks, alphas)
            )
            start += size
        self._multipliers: Sequence[Tensor] | None = None
        self._hooks: list[Any] = []

    @torch.no_grad()
    def initialise(self, index: int, seed: int) -> None:
        """Kaiming-uniform `down` and zero `up`, as sd-scripts' networks.lora; from `seed` alone."""
        generator = torch.Generator().manual_seed(seed)
        for delta in self.deltas:
            rank = delta.ranks[index]
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
        layer = delta.target.layer
        if not isinstance(layer, nn.Conv2d):
            add = self._add_to_linear
        else:
            add = self._add_to_point if layer.kernel_size == (1, 1) else self._add_to_kernel

        def hook(_layer: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> Tensor:
            return add(delta, inputs[0], output, self._multipliers[index] if self._multipliers else None)

        return hook

    def _add_to_linear(self, delta: Delta, x: Tensor, output: Tensor, multiplier: Tensor | None) -> Tensor:
        """x (K*B, ..., in), output (K*B, ..., out)."""
        flat = x.reshape(self.count, -1, x.shape[-1])
        hidden = torch.bmm(flat, delta.down.transpose(1, 2)) * delta.scale.to(flat.dtype)
        if multiplier is not None:
            hidden = hidden * _per_row(multiplier, hidden.shape[1]).to(hidden.dtype)
        base = output.reshape(self.count, -1, output.shape[-1])
        return torch.baddbmm(base, hidden, delta.up.transpose(1, 2)).reshape(output.shape)

    def _add_to_point(self, delta: Delta, x: Tensor, output: Tensor, multiplier: Tensor | None) -> Tensor:
        """x (K*B, in, H, W), output (K*B, out, H, W)."""
        samples = x.shape[0] // self.count
        pixels = x.flatten(2).view(self.count, samples, x.shape[1], -1)
        hidden = torch.matmul(delta.down.unsqueeze(1), pixels) * delta.scale.to(x.dtype).unsqueeze(1)
        return _with_pixels(delta, hidden, output, multiplier)

    def _add_to_kernel(self, delta: Delta, x: Tensor, output: Tensor, multiplier: Tensor | None) -> Tensor:
        """x (K*B, in, H, W), output (K*B, out, H', W'): each LoRA's own kernels, over its own slice."""
        layer = delta.target.layer
        assert isinstance(layer, nn.Conv2d) and isinstance(layer.padding, tuple)
        kernels = delta.down.view(*delta.down.shape[:2], -1, *layer.kernel_size)
        hidden = torch.stack(
            [
                F.conv2d(own, kernel, None, layer.stride, layer.padding, layer.dilation).flatten(2)
                for own, kernel in zip(x.chunk(self.count), kernels, strict=True)
            ]
        )
        return _with_pixels(delta, hidden * delta.scale.to(x.dtype).unsqueeze(1), output, multiplier)


def _with_pixels(delta: Delta, hidden: Tensor, output: Tensor, multiplier: Tensor | None) -> Tensor:
    """hidden (K, B, R, pixels)."""
    if multiplier is not None:
        hidden = hidden * multiplier.to(hidden.dtype)[:, :, None, None]
    return output + torch.matmul(delta.up.unsqueeze(1), hidden).view(output.shape)


def _per_row(multiplier: Tensor, rows: int) -> Tensor:
    """The multiplier (K, B) as a column (K, B*T, 1) over `rows` = B*T token rows."""
    samples = multiplier.shape[1]
    return multiplier.repeat_interleave(rows // samples, dim=1).unsqueeze(-1)
