"""What a run learns as its optimizer's parameters: views into the pack's buffers, or its matrices one by one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor, nn

from train_tools.engines.packed.config import RunConfig
from train_tools.engines.packed.network import rates
from train_tools.errors import UsageError
from train_tools.lora.dropouts import Dropouts
from train_tools.lora.stack import Delta, LoraStack, Piece


@dataclass(frozen=True)
class Part:
    """What has a learning rate of its own: a text encoder, the UNet or a block of it, and with LoRA+ half of each."""

    rate: float
    pieces: tuple[Piece, ...]

    @property
    def places(self) -> list[tuple[slice, tuple[Piece, ...]]]:
        """Where it lies in the buffer, in as few pieces as it goes."""
        found: list[tuple[slice, tuple[Piece, ...]]] = []
        for piece in self.pieces:
            if found and found[-1][0].stop == piece.place.start:
                place, before = found.pop()
                found.append((slice(place.start, piece.place.stop), (*before, piece)))
            else:
                found.append((piece.place, (piece,)))
        return found


def parts_of(stack: LoraStack, config: RunConfig, index: int) -> list[Part]:
    """As sd-scripts' parameter groups, and in their order: the text encoders, then the UNet. What has no rate is left
    out: it stays as it began.
    """
    network = config.network
    names = [delta.target.name for delta in stack.deltas]
    encoders = list(dict.fromkeys(delta.target.part for delta in stack.deltas if delta.target.is_text))
    blocks = rates.weights_of_blocks(network, names)
    grouped: dict[tuple[str, int, bool], list[Piece]] = {}
    for piece in stack.pieces:
        target = piece.delta.target
        place = blocks.place(target.name) if blocks and not target.is_text else 0
        is_plus = piece.is_up and network.plus(target.is_text) is not None
        grouped.setdefault((target.part, place, is_plus), []).append(piece)
    found = []
    for (part, place, is_plus), pieces in grouped.items():
        is_text = pieces[0].delta.target.is_text
        rate = config.text_encoder_lr(encoders.index(part)) if is_text else config.unet_lr
        if blocks and not is_text:
            rate *= blocks.weights[place]
        if is_plus:
            rate *= network.plus(is_text) or 0.0
        if rate and any(piece.delta.ranks[index] for piece in pieces):
            found.append(Part(rate, tuple(pieces)))
    return found


def weights_of(
    stack: LoraStack, config: RunConfig, gradients: Tensor, index: int, *, is_flat: bool
) -> FlatWeights | MatrixWeights:
    """What run `index` learns. Modules that are left out by chance need matrices, which can be left out of a step."""
    parts = parts_of(stack, config, index)
    if not parts:
        raise UsageError(f"{config.output_name}: all learning rates are 0; nothing would be trained")
    if config.network.module_dropout:
        return MatrixWeights(parts, index, stack.dropouts, stack.deltas)
    return FlatWeights(parts, stack, gradients, index) if is_flat else MatrixWeights(parts, index)


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

    def read(self) -> None:
        """After the pack's buffer was changed."""
        ...

    def cut(self, parameter: nn.Parameter, value: Tensor) -> Tensor:
        """Of an optimizer's numbers those that are this run's, whatever pack it is in."""
        ...

    def widen(self, parameter: nn.Parameter, value: Tensor) -> Tensor:
        """The counterpart of `cut`."""
        ...


class FlatWeights:
    """All matrices of a part as one parameter or few, which are the pack's buffer itself; a rank's padding is zero."""

    def __init__(self, parts: Sequence[Part], stack: LoraStack, gradients: Tensor, index: int) -> None:
        self._index = index
        self.groups: list[tuple[float, list[nn.Parameter]]] = []
        self._pieces: dict[int, tuple[Piece, ...]] = {}
        for part in parts:
            parameters = []
            for place, pieces in part.places:
                if not any(piece.delta.ranks[index] for piece in pieces):
                    continue  # others' alone; a kept state mustn't hang on who else is in the pack
                parameter = nn.Parameter(stack.flat[index][place])
                parameter.grad = gradients[index][place]
                parameters.append(parameter)
                self._pieces[id(parameter)] = pieces
            self.groups.append((part.rate, parameters))

    def take_gradients(self) -> None:
        pass

    def give_back(self) -> None:
        pass

    def read(self) -> None:
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
        return own_numbers(self._pieces[id(parameter)], self._index)


@dataclass
class _Matrix:
    parameter: nn.Parameter
    view: Tensor  # into the pack's buffer, and its gradient's
    gradient: Tensor
    delta: Delta


class MatrixWeights:
    """Each matrix as sd-scripts' network has it, for optimizers that look at rows, columns or blocks of one."""

    def __init__(
        self,
        parts: Sequence[Part],
        index: int,
        dropouts: Dropouts | None = None,
        layers: Sequence[Delta] = (),
    ) -> None:
        """A layer of `layers` that `dropouts` left out in a step is no part of the step."""
        self._index = index
        self._dropouts = dropouts
        self._layer = {id(delta): number for number, delta in enumerate(layers)}
        self._matrices: list[_Matrix] = []
        self.groups: list[tuple[float, list[nn.Parameter]]] = []
        for part in parts:
            made = [matrix for piece in part.pieces for matrix in _matrices(piece, index)]
            self._matrices += made
            self.groups.append((part.rate, [matrix.parameter for matrix in made]))

    @torch.no_grad()
    def take_gradients(self) -> None:
        trained = self._dropouts.trained(self._index) if self._dropouts else None
        for matrix in self._matrices:
            if trained is not None and self._layer[id(matrix.delta)] not in trained:
                matrix.parameter.grad = None
            else:
                matrix.parameter.grad = matrix.gradient.reshape(matrix.parameter.shape).contiguous()

    @torch.no_grad()
    def give_back(self) -> None:
        for matrix in self._matrices:
            matrix.view.copy_(matrix.parameter.reshape(matrix.view.shape))

    @torch.no_grad()
    def read(self) -> None:
        """The buffer's numbers into the parameters, after the former were changed."""
        for matrix in self._matrices:
            matrix.parameter.copy_(matrix.view.reshape(matrix.parameter.shape))

    def cut(self, _parameter: nn.Parameter, value: Tensor) -> Tensor:
        return value

    def widen(self, _parameter: nn.Parameter, value: Tensor) -> Tensor:
        return value


def _matrices(piece: Piece, index: int) -> list[_Matrix]:
    delta, factor, _ = piece
    if not (rank := delta.ranks[index]):
        return []
    with torch.no_grad():
        view = delta.own(index, factor)
        gradient = delta.gradients[factor.name][index][factor.own(rank)]
        # Contiguous: fused optimizers take a parameter and its gradient to lie alike.
        own = view.reshape(factor.saved_shape(rank)).clone(memory_format=torch.contiguous_format)
    return [_Matrix(nn.Parameter(own), view, gradient, delta)]


def own_numbers(pieces: Sequence[Piece], index: int) -> Tensor:
    """(P,) of these pieces: true where a number is this run's, false where it pads its rank to the pack's."""
    masks = []
    for delta, factor, _ in pieces:
        tensor = delta.factors[factor.name][index]
        mask = torch.zeros(tensor.shape, dtype=torch.bool, device=tensor.device)
        if rank := delta.ranks[index]:
            mask[factor.own(rank)] = True
        masks.append(factor.turned(mask).flatten())
    return torch.cat(masks)
