"""A linear layer and its deltas, computed together, are what their formula says, and so are the gradients."""

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


def stack_of(layer: nn.Linear, sizes: list[tuple[float, ...]], dtype: torch.dtype) -> LoraStack:
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
    """Output, and gradients of input, down and up."""
    (delta,) = stack.deltas
    down, up = (one.detach().clone().requires_grad_() for one in (delta.down, delta.up))
    x = x.detach().clone().requires_grad_()
    low = torch.einsum("kri,kbti->kbtr", down, x.view(RUNS, -1, ROWS, INPUTS))
    added = torch.einsum("kor,kbtr->kbto", up, low) * delta.scale.unsqueeze(1)
    output = x @ layer.weight.t() + layer.bias + added.reshape(-1, ROWS, OUTPUTS)
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
