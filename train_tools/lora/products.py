"""What the factors of K LoRAs add to a layer's output: batched products, each LoRA's over its slice of the batch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from .dropouts import NOTHING, Left
from .kinds.delta import decomposed
from .kinds.trained import LENGTHS, Beside, Form


def beside_linear(
    factors: tuple[Tensor, Tensor, Tensor], x: Tensor, output: Tensor, multiplier: Tensor | None, left: Left
) -> Tensor:
    """x (K*B, ..., in), output (K*B, ..., out); the factors are `down` (K, R, in), `up` (K, R, out), `scale`."""
    down, up, scale = factors[0], factors[1].transpose(1, 2), factors[2]
    count = len(down)
    flat = x.reshape(count, -1, x.shape[-1])
    hidden = torch.bmm(flat, down.transpose(1, 2)) * scale.to(flat.dtype)
    if multiplier is not None:
        hidden = hidden * _per_row(multiplier, hidden.shape[1]).to(hidden.dtype)
    if left is not NOTHING:
        hidden, up = _with_places_last(hidden, left), _of_outputs(up, left)
    base = output.reshape(count, -1, output.shape[-1])
    return torch.baddbmm(base, hidden, up.transpose(1, 2)).reshape(output.shape)


def beside_point(
    factors: tuple[Tensor, Tensor, Tensor], x: Tensor, output: Tensor, multiplier: Tensor | None, left: Left
) -> Tensor:
    """x (K*B, in, H, W), output (K*B, out, H, W)."""
    down, up, scale = factors
    count = len(down)
    pixels = x.flatten(2).view(count, x.shape[0] // count, x.shape[1], -1)
    hidden = torch.matmul(down.unsqueeze(1), pixels) * scale.to(x.dtype).unsqueeze(1)
    return _with_pixels(up, hidden, output, multiplier, left)


def beside_kernel(
    factors: tuple[Tensor, Tensor, Tensor],
    layer: nn.Conv2d,
    x: Tensor,
    output: Tensor,
    multiplier: Tensor | None,
    left: Left,
) -> Tensor:
    """x (K*B, in, H, W), output (K*B, out, H', W'): each LoRA's own kernels, over its own slice."""
    down, up, scale = factors
    kernels = down.view(*down.shape[:2], -1, *layer.kernel_size)
    hidden = in_groups(x, kernels, layer).flatten(3)
    return _with_pixels(up, hidden * scale.to(x.dtype).unsqueeze(1), output, multiplier, left)


def beside_other(
    beside: Beside,
    factors: dict[str, Tensor],
    scale: Tensor,
    layer: nn.Module,
    x: Tensor,
    output: Tensor,
    multiplier: Tensor | None,
    left: Left,
) -> Tensor:
    """`scale` is 0 for runs that leave this layer alone, `output` (K*B, ...)."""
    by_run = scale if left.kept is None else scale * left.kept.to(scale.dtype)
    found = beside(factors, layer, x).reshape(len(scale), -1)
    found = (found * by_run.to(found.dtype).flatten(1)).reshape(output.shape)
    return output + _multiplied(found.to(output.dtype), multiplier)


def rebuilt(
    form: Form,
    factors: dict[str, Tensor],
    scale: Tensor,
    present: Tensor | None,
    layer: nn.Linear | nn.Conv2d,
    x: Tensor,
    output: Tensor,
    multiplier: Tensor | None,
    left: Left,
) -> Tensor:
    """The factors are put together to whole weights (K, out, in ...), again where gradients want them: nothing so large
    is kept. `present` (K, 1, 1) is 0 for runs that leave this layer alone.
    """
    if form.product is not None and not form.is_decomposed:
        return output + _multiplied(
            _of_inputs(form, factors, scale, layer, x, left).reshape(output.shape), multiplier
        )
    names = list(factors)

    def product(x: Tensor, *tensors: Tensor) -> Tensor:
        added = _whole(form, dict(zip(names, tensors, strict=True)), scale, present, layer, left)
        if isinstance(layer, nn.Conv2d):
            kernels = added.view(*added.shape[:2], -1, *layer.kernel_size)
            return in_groups(x, kernels, layer).reshape(output.shape)
        flat = x.reshape(len(added), -1, x.shape[-1])
        return torch.bmm(flat, added.transpose(1, 2).to(flat.dtype)).reshape(output.shape)

    if torch.is_grad_enabled():
        found: Any = checkpoint(product, x, *factors.values(), use_reentrant=False, preserve_rng_state=False)
    else:
        found = product(x, *factors.values())
    return output + _multiplied(found, multiplier)


def _of_inputs(
    form: Form, factors: dict[str, Tensor], scale: Tensor, layer: nn.Linear | nn.Conv2d, x: Tensor, left: Left
) -> Tensor:
    """(K, rows, out), or (K, samples, out, H', W')."""
    assert form.product is not None
    count = len(scale)
    by_run = scale if left.kept is None else scale * left.kept.to(scale.dtype)
    if left.outputs is not None:
        by_run = by_run * left.outputs.to(scale.dtype).transpose(1, 2)
    if not isinstance(layer, nn.Conv2d):
        found = form.product(factors, x.reshape(count, -1, x.shape[-1]), F.conv2d)
        return found * by_run.to(found.dtype)

    def convolve(pictures: Tensor, kernels: Tensor) -> Tensor:
        return in_groups(pictures.flatten(0, 1), kernels, layer)

    found = form.product(factors, x.unflatten(0, (count, -1)), convolve)
    return found * by_run.to(found.dtype)[..., None, None]


def _multiplied(found: Tensor, multiplier: Tensor | None) -> Tensor:
    """By each sample's own."""
    if multiplier is None:
        return found
    return found * multiplier.to(found.dtype).view(-1, *[1] * (found.dim() - 1))


def _whole(
    form: Form,
    factors: dict[str, Tensor],
    scale: Tensor,
    present: Tensor | None,
    layer: nn.Linear | nn.Conv2d,
    left: Left,
) -> Tensor:
    """(K, out, in x kernel) that are added to the layer's weight."""
    assert form.added is not None
    added = form.added(factors) * scale
    if left.outputs is not None:
        added = added * left.outputs.to(added.dtype)
    if form.is_decomposed:
        own = layer.weight.detach().to(scale.dtype)
        whole = own + added.to(scale.dtype).view(len(added), *own.shape)
        added = (decomposed(whole, factors[LENGTHS], 1) - own).flatten(2)
        if present is not None:
            added = added * present
    if left.kept is not None:
        added = added * left.kept.to(added.dtype)
    return added


def in_groups(x: Tensor, kernels: Tensor, layer: nn.Conv2d) -> Tensor:
    """(K, B, out, H', W') of x (K*B, in, H, W) and kernels (K, out, in, h, w), in one convolution of K groups."""
    count = len(kernels)
    side_by_side = x.unflatten(0, (count, -1)).transpose(0, 1).flatten(1, 2)
    found = F.conv2d(
        side_by_side,
        kernels.flatten(0, 1).to(x.dtype),
        None,
        layer.stride,
        layer.padding,
        layer.dilation,
        count,
    )
    return found.unflatten(1, (count, -1)).transpose(0, 1)


def _with_pixels(up: Tensor, hidden: Tensor, output: Tensor, multiplier: Tensor | None, left: Left) -> Tensor:
    """hidden (K, B, R, pixels)."""
    if multiplier is not None:
        hidden = hidden * multiplier.to(hidden.dtype)[:, :, None, None]
    if left.hidden is not None:
        hidden = hidden * left.hidden.to(hidden.dtype)
    up = _of_outputs(up, left)
    return output + torch.matmul(up.unsqueeze(1), hidden).view(output.shape)


def _with_places_last(hidden: Tensor, left: Left) -> Tensor:
    """hidden (K, B*T, R), what is left out of it (K, B, T or 1, R)."""
    if left.hidden is None:
        return hidden
    by_sample = hidden.unflatten(1, (left.hidden.shape[1], -1))
    return (by_sample * left.hidden.to(hidden.dtype)).flatten(1, 2)


def _of_outputs(up: Tensor, left: Left) -> Tensor:
    return up if left.outputs is None else up * left.outputs.to(up.dtype)


def _per_row(multiplier: Tensor, rows: int) -> Tensor:
    """The multiplier (K, B) as a column (K, B*T, 1) over `rows` = B*T token rows."""
    samples: int = multiplier.shape[1]
    return multiplier.repeat_interleave(rows // samples, dim=1).unsqueeze(-1)


def run_scales(ranks: Sequence[int], alphas: Sequence[float]) -> tuple[float, ...]:
    return tuple(alpha / rank if rank else 0.0 for rank, alpha in zip(ranks, alphas, strict=True))
