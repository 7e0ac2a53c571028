"""What a run learns as its optimizer's parameters: views into the pack's buffers, or its matrices one by one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Protocol

import torch
from torch import Tensor, nn

from train_tools.lora.stack import Delta, LoraStack

from .config import RunConfig


@dataclass(frozen=True)
class Part:
    """What has a learning rate of its own: a text encoder, or the UNet. `place` is where it lies in the buffer."""

    rate: float
    place: slice
    deltas: tuple[Delta, ...]


def parts_of(stack: LoraStack, config: RunConfig) -> list[Part]:
    """In the buffer's order, as that of sd-scripts' parameter groups: the text encoders, then the UNet."""
    found, start, encoder = [], 0, 0
    for _, group in groupby(stack.deltas, key=lambda delta: delta.target.name.split("_")[:2]):
        deltas = tuple(group)
        size = sum(delta.down[0].numel() + delta.up[0].numel() for delta in deltas)
        is_text = deltas[0].target.is_text
        rate = config.text_encoder_lr(encoder) if is_text else config.unet_lr
        encoder += is_text
        found.append(Part(rate, slice(start, start + size), deltas))
        start += size
    return found


class Weights(Protocol):
    """What one run learns, as the parameters of its optimizer: in groups, the text encoder's first."""

    @property
    def groups(self) -> Sequence[tuple[float, list[nn.Parameter]]]:
        """Learning rate and parameters of each part that is trained."""
        ...

    def take_gradients(self) -> None:
        """Before a step of the optimizer."""
        ...

    def give_back(self) -> None:
        """After the parameters were changed."""
        ...

    def cut(self, parameter: nn.Parameter, value: Tensor) -> Tensor:
        """Of an optimizer's numbers those that are this run's, whatever pack it is in."""
        ...

    def widen(self, parameter: nn.Parameter, value: Tensor) -> Tensor:
        """The counterpart of `cut`."""
        ...


class FlatWeights:
    """All matrices of a part as one parameter, which is the pack's buffer itself; a rank's padding is zero."""

    def __init__(self, parts: Sequence[Part], stack: LoraStack, gradients: Tensor, index: int) -> None:
        self._index = index
        self.groups: list[tuple[float, list[nn.Parameter]]] = []
        self._deltas: dict[int, tuple[Delta, ...]] = {}
        for part in parts:
            parameter = nn.Parameter(stack.flat[index][part.place])
            parameter.grad = gradients[index][part.place]
            self.groups.append((part.rate, [parameter]))
            self._deltas[id(parameter)] = part.deltas

    def take_gradients(self) -> None:
        pass

    def give_back(self) -> None:
        pass

    def cut(self, parameter: nn.Parameter, value: Tensor) -> Tensor:
        return value[self._mask(parameter)] if value.shape == parameter.shape else value

    def widen(self, parameter: nn.Parameter, value: Tensor) -> Tensor:
        mask = self._mask(parameter)
        if value.shape != (int(mask.sum()),) or value.ndim != 1:
            return value
        full = torch.zeros_like(parameter.detach(), dtype=value.dtype)
        full[mask] = value.to(full)
        return full

    def _mask(self, parameter: nn.Parameter) -> Tensor:
        """Made when a state is kept or taken on; a GPU shouldn't hold it all the time."""
        return own_numbers(self._deltas[id(parameter)], self._index)


@dataclass
class _Matrix:
    parameter: nn.Parameter
    view: Tensor  # into the pack's buffer, and its gradient's
    gradient: Tensor


class MatrixWeights:
    """Each matrix as sd-scripts' network has it, for optimizers that look at rows, columns or blocks of one."""

    def __init__(self, parts: Sequence[Part], index: int) -> None:
        self._matrices: list[_Matrix] = []
        self.groups: list[tuple[float, list[nn.Parameter]]] = []
        for part in parts:
            made = [matrix for delta in part.deltas for matrix in _matrices(delta, index)]
            self._matrices += made
            self.groups.append((part.rate, [matrix.parameter for matrix in made]))

    @torch.no_grad()
    def take_gradients(self) -> None:
        for matrix in self._matrices:
            matrix.parameter.grad = matrix.gradient.reshape(matrix.parameter.shape).contiguous()

    @torch.no_grad()
    def give_back(self) -> None:
        for matrix in self._matrices:
            matrix.view.copy_(matrix.parameter.reshape(matrix.view.shape))

    @torch.no_grad()
    def read(self) -> None:
        """The buffer's numbers into the parameters, after the former were restored."""
        for matrix in self._matrices:
            matrix.parameter.copy_(matrix.view.reshape(matrix.parameter.shape))

    def cut(self, _parameter: nn.Parameter, value: Tensor) -> Tensor:
        return value

    def widen(self, _parameter: nn.Parameter, value: Tensor) -> Tensor:
        return value


def _matrices(delta: Delta, index: int) -> list[_Matrix]:
    rank = delta.ranks[index]
    if not rank:
        return []
    assert delta.down.grad is not None
    assert delta.up.grad is not None
    layer = delta.target.layer
    is_kernel = isinstance(layer, nn.Conv2d)
    down_shape = (rank, *layer.weight.shape[1:]) if is_kernel else (rank, delta.down.shape[2])
    up_shape = (delta.up.shape[1], rank, 1, 1) if is_kernel else (delta.up.shape[1], rank)
    with torch.no_grad():
        down, up = delta.down[index, :rank], delta.up[index, :, :rank]
    return [
        _Matrix(nn.Parameter(view.reshape(shape).clone()), view, gradient)
        for view, gradient, shape in (
            (down, delta.down.grad[index, :rank], down_shape),
            (up, delta.up.grad[index, :, :rank], up_shape),
        )
    ]


def own_numbers(deltas: Sequence[Delta], index: int) -> Tensor:
    """(P,) of these layers: true where a number is a factor of this run, false where it pads its rank to the pack's."""
    masks = []
    for delta in deltas:
        down = torch.zeros(delta.down.shape[1:], dtype=torch.bool, device=delta.down.device)
        up = torch.zeros(delta.up.shape[1:], dtype=torch.bool, device=delta.up.device)
        down[: delta.ranks[index]] = True
        up[:, : delta.ranks[index]] = True
        masks += [down.flatten(), up.flatten()]
    return torch.cat(masks)
