"""A layer and its deltas, computed together, are what their formula says, and so are the gradients."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from train_tools.lora.kinds import low_rank
from train_tools.lora.stack import LoraStack
from train_tools.lora.targets import Target

RUNS, ROWS, INPUTS, OUTPUTS = 3, 5, 6, 7
DIFFERING = [(2, 4, 3), (1.0, 4.0, 1.5)]  # ranks and alphas
ALIKE = [(4, 4, 4), (2.0, 2.0, 2.0)]
WITHOUT_ONE = [(2, 0, 4), (2.0, 0.0, 4.0)]


def stack_of(layer: nn.Linear | nn.Conv2d, sizes: list[tuple[float, ...]], dtype: torch.dtype) -> LoraStack:
    ranks, alphas = sizes
    target = Target("lora_unet_one", layer)
    own = [{target.name: (int(r), a)} if r else {} for r, a in zip(ranks, alphas, strict=True)]
    stack = LoraStack.of_sizes([target], own, dtype=dtype)
    for index in range(RUNS):
        stack.initialise(index, index)
        rank = stack.deltas[0].ranks[index]
        stack.deltas[0].up[index, :, :rank] = torch.randn(OUTPUTS, rank, dtype=dtype)
    return stack


def by_formula(stack: LoraStack, layer: nn.Linear, x: Tensor, wanted: Tensor) -> list[Tensor]:
    """Output, and gradients of input, down and up; `x` (K*B, rows, in)."""
    (delta,) = stack.deltas
    down, up = (one.detach().clone().requires_grad_() for one in (delta.down, delta.up))
    x = x.detach().clone().requires_grad_()
    low = torch.einsum("kri,kbti->kbtr", down, x.unflatten(0, (RUNS, -1)))
    added = torch.einsum("kor,kbtr->kbto", up, low) * delta.scale.unsqueeze(1)
    output = x @ layer.weight.t() + layer.bias + added.flatten(0, 1)
    output.backward(wanted)
    assert x.grad is not None
    assert down.grad is not None
    assert up.grad is not None
    return [output, x.grad, down.grad, up.grad]


@pytest.mark.parametrize("sizes", [DIFFERING, ALIKE, WITHOUT_ONE])
@pytest.mark.parametrize("again", [False, True], ids=["kept", "checkpointed"])
def test_output_and_gradients(sizes: list[tuple[float, ...]], again: bool) -> None:
    torch.manual_seed(0)
    layer = nn.Linear(INPUTS, OUTPUTS, dtype=torch.float64).requires_grad_(False)
    stack = stack_of(layer, sizes, torch.float64)
    x = torch.randn(RUNS * 2, ROWS, INPUTS, dtype=torch.float64, requires_grad=True)
    wanted = torch.randn(RUNS * 2, ROWS, OUTPUTS, dtype=torch.float64)
    gradients = stack.train_into()
    with stack.attached():
        for times in (1, 2):  # the second time onto the first
            stack.begin()
            output = checkpoint(layer, x, use_reentrant=False) if again else layer(x)
            x.grad = None
            output.backward(wanted)
            stack.collect(onto=times == 2)
            expected = by_formula(stack, layer, x, wanted)
            (delta,) = stack.deltas
            found = delta.gradients[low_rank.DOWN] / times, delta.gradients[low_rank.UP] / times
            for ours, formula in zip((output, x.grad, *found), expected, strict=True):
                torch.testing.assert_close(ours, formula)
    assert gradients.any()
    torch.testing.assert_close(layer(x), x @ layer.weight.t() + layer.bias)


@pytest.mark.parametrize("sizes", [DIFFERING, ALIKE])
@pytest.mark.parametrize("samples", [1, 2])
@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last], ids=["plain", "last"])
def test_a_convolution_of_single_pixels_is_a_linear_layer(
    sizes: list[tuple[float, ...]], samples: int, layout: torch.memory_format
) -> None:
    torch.manual_seed(0)
    layer = nn.Conv2d(INPUTS, OUTPUTS, 1, dtype=torch.float64).requires_grad_(False).to(memory_format=layout)
    stack = stack_of(layer, sizes, torch.float64)
    x = torch.randn(RUNS * samples, INPUTS, ROWS, 2, dtype=torch.float64).to(memory_format=layout)
    x.requires_grad_()
    wanted = torch.randn(RUNS * samples, OUTPUTS, ROWS, 2, dtype=torch.float64)
    stack.train_into()
    (delta,) = stack.deltas
    with stack.attached():
        for times in (1, 2):  # a layer that is asked twice, the second time onto the first
            stack.begin()
            x.grad = None
            output = layer(x)
            (output + layer(x)).backward(wanted)
            stack.collect(onto=times == 2)
    linear = nn.Linear(INPUTS, OUTPUTS, dtype=torch.float64)
    linear.weight.data, linear.bias.data = layer.weight.data.flatten(1), layer.bias.data  # type: ignore[union-attr]
    rows, outer = (pixels.permute(0, 2, 3, 1).flatten(1, 2) for pixels in (x, wanted))
    expected = by_formula(stack, linear, rows, outer)
    found = [output.permute(0, 2, 3, 1).flatten(1, 2), x.grad.permute(0, 2, 3, 1).flatten(1, 2) / 2]  # type: ignore[union-attr]
    found += [delta.gradients[name] / 4 for name in (low_rank.DOWN, low_rank.UP)]
    for ours, formula in zip(found, expected, strict=True):
        torch.testing.assert_close(ours, formula)


def test_an_input_without_gradients_in_half_precision() -> None:
    torch.manual_seed(0)
    layer = nn.Linear(INPUTS, OUTPUTS, dtype=torch.bfloat16).requires_grad_(False)
    stack = stack_of(layer, DIFFERING, torch.float32)
    gradients = stack.train_into(torch.bfloat16)
    x, wanted = torch.randn(RUNS, ROWS, INPUTS), torch.randn(RUNS, ROWS, OUTPUTS)
    with stack.attached(), torch.autocast("cpu", torch.bfloat16):
        stack.begin()
        output = layer(x)
    assert output.dtype == torch.bfloat16
    output.backward(wanted.to(output.dtype))
    stack.collect()
    assert gradients.dtype == torch.float32
    _, _, down, up = by_formula(stack, layer.float(), x, wanted)
    torch.testing.assert_close(stack.deltas[0].gradients[low_rank.DOWN], down, rtol=0.05, atol=0.05)
    torch.testing.assert_close(stack.deltas[0].gradients[low_rank.UP], up, rtol=0.05, atol=0.05)
