"""A frozen model whose weights are held in fp8 (e4m3fn, a byte each) and cast where they are used.

All its numbers are rounded to fp8, as sd-scripts' fp8_base does. Those of the layers that weigh something are held so;
biases, norms and embeddings, and the first layer, which tells the model's precision, keep the format of what is
computed. The gradient casts a weight once more instead of keeping the copy: else the model would stand in memory
twice as large from a step's forward pass to its backward pass.
"""

from __future__ import annotations

import functools
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

FP8 = torch.float8_e4m3fn


@torch.no_grad()
def hold(model: nn.Module, dtype: torch.dtype, device: torch.device) -> None:
    """Moves the model to `device`, its weights in fp8. What it computes stays in `dtype`."""
    first = next(model.parameters())
    for layer in model.modules():
        is_held = isinstance(layer, (nn.Linear, nn.Conv2d)) and layer.weight is not first
        for name, parameter in layer.named_parameters(recurse=False):
            rounded = parameter.data.to(device).to(FP8)
            parameter.data = rounded if is_held and name == "weight" else rounded.to(dtype)
        if is_held:
            layer.forward = functools.partial(
                _linear if isinstance(layer, nn.Linear) else _convolved, layer, dtype
            )  # type: ignore[method-assign, arg-type]
    model.to(device)


def _linear(layer: nn.Linear, dtype: torch.dtype, x: Tensor) -> Tensor:
    found: Tensor = _Linear.apply(x.to(dtype), layer.weight, layer.bias)
    return found


def _convolved(layer: nn.Conv2d, dtype: torch.dtype, x: Tensor) -> Tensor:
    how = layer.stride, layer.padding, layer.dilation, layer.groups
    found: Tensor = _Convolution.apply(x.to(dtype), layer.weight, layer.bias, how)
    return found


class _Linear(torch.autograd.Function):
    @staticmethod
    def forward(context: Any, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        context.save_for_backward(weight)
        return F.linear(x, weight.to(x.dtype), bias)

    @staticmethod
    def backward(context: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        (weight,) = context.saved_tensors
        return gradients[0] @ weight.to(gradients[0].dtype), None, None


class _Convolution(torch.autograd.Function):
    @staticmethod
    def forward(context: Any, x: Tensor, weight: Tensor, bias: Tensor | None, how: tuple[Any, ...]) -> Tensor:
        context.save_for_backward(weight)
        context.shape, context.how = x.shape, how
        return F.conv2d(x, weight.to(x.dtype), bias, *how)

    @staticmethod
    def backward(context: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        (weight,) = context.saved_tensors
        cast = weight.to(gradients[0].dtype)
        found = torch.nn.grad.conv2d_input(context.shape, cast, gradients[0], *context.how)
        return found, None, None, None
