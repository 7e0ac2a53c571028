"""A linear layer, or a convolution of single pixels, and the deltas of K trained LoRAs as one step of autograd.

Left to autograd, such a layer is a dozen operations forth and two dozen back. Together it is three products forth and
five back: scales ride along in them, and no gradient is added to another one where it can be added to in place.

Products of R rows are several times quicker on a CPU than those of R columns, so both factors are stored with R rows
(`down` (K, R, in), `up` (K, R, out)), and what lies between them is (K, R, rows).
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.autograd import Function
from torch.nn.grad import conv2d_input


@dataclass
class Slot:
    """A trained tensor (K, …) of a stack, `place` its columns in the buffers (K, P), `product` its last gradient."""

    parameter: Tensor
    place: slice
    product: Tensor | None = None

    def of(self, buffer: Tensor) -> Tensor:
        """Its columns of a buffer (K, P) in its shape."""
        return buffer[:, self.place].view_as(self.parameter)


@dataclass
class Fused:
    """Stands for a layer's `forward`, and for its `hook`; both are used where no gradients are wanted or `is_off`.

    `down` and `up` are in the precision that is computed in. `alpha` is the scale where all LoRAs have the same, else
    `scale` (K, 1, 1) is theirs. `anchor` wants a gradient, so that autograd comes by where the input wants none.
    """

    layer: nn.Linear | nn.Conv2d
    down: Tensor
    up: Tensor
    into: tuple[Slot, Slot]
    scale: Tensor | None
    alpha: float
    anchor: Tensor
    hook: Callable[[nn.Module, tuple[Tensor, ...], Tensor], Tensor]
    is_off: Callable[[], bool]

    @contextlib.contextmanager
    def attached(self) -> Iterator[None]:
        former = self.layer.__dict__.get("forward")  # as of a base model in fp8
        self._forward = self.layer.forward
        self.layer.forward = self  # type: ignore[method-assign]
        try:
            yield
        finally:
            del self.layer.forward
            if former is not None:
                self.layer.forward = former  # type: ignore[method-assign]

    def __call__(self, x: Tensor) -> Tensor:
        """x (K*B, ..., in) to (K*B, ..., out)."""
        # A compiler fuses by itself, and can't see what the backward pass leaves aside.
        if self.is_off() or not torch.is_grad_enabled() or torch.compiler.is_compiling():
            return self.hook(self.layer, (x,), self._forward(x))
        together = _Together if isinstance(self.layer, nn.Linear) else _AtPixels
        found: Tensor = together.apply(x, self.anchor, self)
        return found


class _Together(Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, _anchor: Tensor, fused: Fused) -> Tensor:
        down, layer = fused.down, fused.layer
        inputs = x.to(down.dtype).reshape(-1, x.shape[-1])
        # A base that is stored in fewer bits is widened where it is used.
        weight = layer.weight.to(down.dtype).t()
        output = (
            inputs.mm(weight)
            if layer.bias is None
            else torch.addmm(layer.bias.to(down.dtype), inputs, weight)
        )
        inputs = inputs.view(len(down), -1, inputs.shape[1])
        hidden = torch.bmm(down, inputs.transpose(1, 2))
        if fused.scale is not None:
            hidden.mul_(fused.scale)
        output.view(len(down), -1, output.shape[1]).baddbmm_(
            hidden.transpose(1, 2), fused.up, alpha=fused.alpha
        )
        ctx.save_for_backward(inputs, hidden)
        ctx.fused, ctx.shape, ctx.dtype = fused, x.shape, x.dtype
        return output.view(*x.shape[:-1], -1)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, None, None]:
        fused: Fused = ctx.fused
        inputs, hidden = ctx.saved_tensors
        rows = gradients[0].reshape(-1, gradients[0].shape[-1])
        outer = rows.view(len(inputs), -1, rows.shape[1])
        inner = torch.bmm(fused.up, outer.transpose(1, 2))
        if fused.scale is not None:
            inner.mul_(fused.scale)
        down, up = fused.into
        down.product = _added(down.product, inner, inputs, fused.alpha)
        up.product = _added(up.product, hidden, outer, fused.alpha)
        if not ctx.needs_input_grad[0]:
            return None, None, None
        found = rows.mm(fused.layer.weight.to(rows.dtype))
        found.view(len(inputs), -1, found.shape[1]).baddbmm_(
            inner.transpose(1, 2), fused.down, alpha=fused.alpha
        )
        return found.view(ctx.shape).to(ctx.dtype), None, None


class _AtPixels(Function):
    """x is (K*B, in, H, W): pixels lie behind the channels, so `up` is (K, out, R) here."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, _anchor: Tensor, fused: Fused) -> Tensor:
        down, layer = fused.down, fused.layer
        pictures = x.to(down.dtype)
        bias = None if layer.bias is None else layer.bias.to(down.dtype)
        output = F.conv2d(pictures, layer.weight.to(down.dtype), bias)
        pixels, found = pictures.flatten(2), output.flatten(2)
        hidden = torch.bmm(_of_each(down, pixels), pixels)
        if fused.scale is not None:
            hidden.mul_(_of_each(fused.scale, pixels))
        found.baddbmm_(_of_each(fused.up, pixels), hidden, alpha=fused.alpha)
        ctx.save_for_backward(pixels, hidden)
        ctx.fused, ctx.shape, ctx.dtype = fused, x.shape, x.dtype
        return found.view(output.shape)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, None, None]:
        fused: Fused = ctx.fused
        pixels, hidden = ctx.saved_tensors
        outer = gradients[0].flatten(2)
        inner = torch.bmm(_of_each(fused.up, pixels).transpose(1, 2), outer)
        if fused.scale is not None:
            inner.mul_(_of_each(fused.scale, pixels))
        down, up = fused.into
        count = len(fused.down)
        down.product = _summed(down.product, inner, pixels, fused.alpha, count)
        up.product = _summed(up.product, outer, hidden, fused.alpha, count)
        if not ctx.needs_input_grad[0]:
            return None, None, None
        weight = fused.layer.weight.to(outer.dtype)
        found = conv2d_input(ctx.shape, weight, gradients[0]).flatten(2)
        found.baddbmm_(_of_each(fused.down, pixels).transpose(1, 2), inner, alpha=fused.alpha)
        return found.view(ctx.shape).to(ctx.dtype), None, None


def is_of_pixels(layer: nn.Module) -> bool:
    """A convolution that looks at each pixel alone."""
    return (
        isinstance(layer, nn.Conv2d)
        and layer.kernel_size == layer.stride == (1, 1)
        and layer.padding == (0, 0)
        and layer.groups == 1
    )


def _of_each(factor: Tensor, samples: Tensor) -> Tensor:
    """(K, …) as (K*B, …)."""
    times = len(samples) // len(factor)
    return factor if times == 1 else factor.repeat_interleave(times, dim=0)


def _summed(before: Tensor | None, one: Tensor, other: Tensor, alpha: float, count: int) -> Tensor:
    """The products of (K*B, m, pixels) and (K*B, n, pixels), added up over each LoRA's samples: (K, m, n)."""
    if len(one) == count:
        return _added(before, one, other.transpose(1, 2), alpha)
    product = _added(None, one, other.transpose(1, 2), alpha)
    found = product.view(count, -1, *product.shape[1:]).sum(1)
    return found if before is None else before.add_(found)


def _added(before: Tensor | None, one: Tensor, other: Tensor, alpha: float) -> Tensor:
    """A layer may be asked twice before its gradients are taken."""
    if before is not None:
        return before.baddbmm_(one, other, alpha=alpha)
    if alpha == 1:
        return torch.bmm(one, other)
    empty = other.new_empty((len(one), one.shape[1], other.shape[2]))
    return torch.baddbmm(empty, one, other, beta=0, alpha=alpha)


@dataclass
class Gradients:
    """The gradients (K, P) of all factors of a stack. Each lies alone until a backward pass is over, when one call puts
    them together: adding each to its columns would be hundreds.
    """

    flat: Tensor
    slots: Sequence[Slot]
    _zeros: dict[int, Tensor] = field(default_factory=dict)

    @torch.no_grad()
    def collect(self, *, onto: bool = False) -> None:
        """After a backward pass: replaces what was there, or is added `onto` it."""
        products = [self._of(slot) for slot in self.slots]
        if onto or any(one.dtype != self.flat.dtype for one in products):
            whole = _joined(products, self.flat.dtype)
            self.flat.add_(whole) if onto else self.flat.copy_(whole)
        else:
            torch.cat(products, dim=1, out=self.flat)
        for slot in self.slots:
            slot.product = slot.parameter.grad = None

    def _of(self, slot: Slot) -> Tensor:
        """(K, numbers): what `Fused` left, or autograd did."""
        found = slot.product if slot.product is not None else slot.parameter.grad
        if found is not None:
            return found.reshape(len(self.flat), -1)
        width = slot.place.stop - slot.place.start
        if width not in self._zeros:
            self._zeros[width] = self.flat.new_zeros(len(self.flat), width)
        return self._zeros[width]


def _joined(products: Sequence[Tensor], dtype: torch.dtype) -> Tensor:
    """Side by side. Tensors of several precisions are changed together: one by one it is a call for each."""
    others = [one for one in products if one.dtype != dtype]
    if not others:
        return torch.cat(list(products), dim=1)
    changed = torch.cat(others, dim=1).to(dtype)
    if len(others) == len(products):
        return changed
    parts = iter(changed.split([one.shape[1] for one in others], dim=1))
    return torch.cat([one if one.dtype == dtype else next(parts) for one in products], dim=1)
