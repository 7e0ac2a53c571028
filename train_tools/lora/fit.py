"""A LoRA file's modules on the layers of a base model: whether they fit, and what they make of the weights."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from train_tools.errors import TrainToolsError

from .kinds import low_rank
from .kinds.interface import Kind, Parts, Weights
from .kinds.registry import kind_of
from .kohya import LoraFile
from .names import OFT, UNET
from .stack import LoraStack
from .targets import Target


class MisfitError(TrainToolsError):
    """It has modules that the base model doesn't have, or of another size."""


@dataclass(frozen=True)
class Module:
    target: Target
    kind: Kind
    parts: Parts


@dataclass(frozen=True)
class Fitted:
    """`is_plain`: all its modules are two factors, so that it can share a batch with others."""

    file: LoraFile
    modules: tuple[Module, ...]

    @property
    def is_plain(self) -> bool:
        return all(low_rank.is_plain(module.parts) for module in self.modules)


def is_plain(names: Iterable[str]) -> bool:
    """Of a file, by its tensors' names."""
    return all(name.partition(".")[2] in low_rank.PLAIN for name in names)


def fit(file: LoraFile, layers: Mapping[str, Target]) -> Fitted:
    """`layers` by all their names. Raises TrainToolsError where the file's kind is unknown or it doesn't fit."""
    fits = functools.cache(_fits)  # few modules of a file differ in their sizes
    return Fitted(
        file, tuple(_module(file, name, parts, layers, fits) for name, parts in file.modules.items())
    )


def _module(
    file: LoraFile, name: str, parts: Parts, layers: Mapping[str, Target], fits: Callable[..., bool]
) -> Module:
    kind = kind_of(parts)
    if kind is None or (strange := sorted(set(parts) - set(kind.names))):
        what = ", ".join(sorted(parts) if kind is None else strange)
        raise TrainToolsError(
            f"{file.path.name} is of a kind that can't be drawn without a webui: {name} has {what}; set renderer=host"
        )
    target = layers.get(f"{UNET}{name.removeprefix(OFT)}" if name.startswith(OFT) else name)
    if target is None or not fits(kind, _sizes(_weights(target.layer)), _shapes(parts)):
        raise MisfitError(
            f"{file.path.name} doesn't fit this base model: {name} is unknown or of another size"
        )
    return Module(target, kind, parts)


Shapes = tuple[tuple[str, tuple[int, ...] | float], ...]


def _sizes(layer: Weights) -> tuple[tuple[int, ...], tuple[int, ...] | None]:
    return tuple(layer.weight.shape), None if layer.bias is None else tuple(layer.bias.shape)


def _shapes(parts: Parts) -> Shapes:
    """Of numbers their values."""
    return tuple((name, tuple(t.shape) if t.dim() else float(t)) for name, t in parts.items())


def _fits(kind: Kind, layer: tuple[tuple[int, ...], tuple[int, ...] | None], shapes: Shapes) -> bool:
    """Computed with shapes alone."""
    weight, bias = layer
    own = Weights(_empty(weight), None if bias is None else _empty(bias))
    parts = {
        name: torch.tensor(shape) if isinstance(shape, float) else _empty(shape) for name, shape in shapes
    }
    try:
        changed = kind.changed(own, parts, 1.0)
    except (KeyError, ValueError, RuntimeError, IndexError):
        return False
    return changed.weight.shape == own.weight.shape


def _empty(shape: tuple[int, ...]) -> Tensor:
    return torch.empty(shape, device="meta")


def stack_of(
    files: Sequence[Fitted], device: torch.device | None = None, dtype: torch.dtype = torch.float32
) -> LoraStack:
    """The factors of plain files, side by side; a module that a file lacks stays zero."""
    sizes = [
        {module.target.name: low_rank.rank_and_alpha(module.parts) for module in file.modules}
        for file in files
    ]
    targets = {module.target.name: module.target for file in files for module in file.modules}
    stack = LoraStack.of_sizes(list(targets.values()), sizes, device, dtype)
    known = {delta.target.name: delta for delta in stack.deltas}
    for index, file in enumerate(files):
        for module in file.modules:
            delta = known[module.target.name]
            down, up = module.parts[low_rank.DOWN].flatten(1), module.parts[low_rank.UP].flatten(1)
            delta.down[index, : len(down)] = down.to(delta.down)
            delta.up[index, :, : up.shape[1]] = up.to(delta.up)
    return stack


@contextlib.contextmanager
@torch.no_grad()
def merged(file: Fitted, strength_of: Callable[[Target], float]) -> Iterator[None]:
    """Within this context the layers have the weights that the file makes of them; after it, exactly their own."""
    kept: list[tuple[Tensor, Tensor]] = []
    try:
        for module in file.modules:
            strength = strength_of(module.target)
            if strength:
                _change(module, strength, kept)
        yield
    finally:
        for parameter, own in reversed(kept):
            parameter.data = own


@torch.no_grad()
def merged_for_good(file: Fitted, strength: float) -> None:
    """The layers have the weights that the file makes of them, from here on."""
    for module in file.modules:
        _change(module, strength, [])


def _change(module: Module, strength: float, kept: list[tuple[Tensor, Tensor]]) -> None:
    """Computed in fp32 where the base model is in half precision."""
    layer = module.target.layer
    own = _weights(layer)
    exact = torch.promote_types(own.weight.dtype, torch.float32)
    parts = {
        name: tensor.to(own.weight.device, exact) if tensor.dim() else tensor
        for name, tensor in module.parts.items()
    }
    before = Weights(own.weight.to(exact), None if own.bias is None else own.bias.to(exact))
    changed = module.kind.changed(before, parts, strength)
    for parameter, values in ((layer.weight, changed.weight), (layer.bias, changed.bias)):
        if parameter is not None and values is not None:
            kept.append((parameter, parameter.data))
            parameter.data = values.to(parameter.dtype)


def _weights(layer: nn.Module) -> Weights:
    weight, bias = layer.weight, layer.bias
    assert isinstance(weight, Tensor) and (bias is None or isinstance(bias, Tensor))
    return Weights(weight.detach(), None if bias is None else bias.detach())
