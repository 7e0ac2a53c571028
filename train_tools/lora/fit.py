"""A LoRA file's modules on the layers of a base model: whether they fit, and what they make of the weights."""

from __future__ import annotations

import contextlib
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
    return Fitted(file, tuple(_module(file, name, parts, layers) for name, parts in file.modules.items()))


def _module(file: LoraFile, name: str, parts: Parts, layers: Mapping[str, Target]) -> Module:
    kind = kind_of(parts)
    if kind is None or (strange := sorted(set(parts) - set(kind.names))):
        what = ", ".join(sorted(parts) if kind is None else strange)
        raise TrainToolsError(
            f"{file.path.name} is of a kind that can't be drawn without a webui: {name} has {what}; set renderer=host"
        )
    target = layers.get(f"{UNET}{name.removeprefix(OFT)}" if name.startswith(OFT) else name)
    if target is None or not _fits(target, kind, parts):
        raise MisfitError(
            f"{file.path.name} doesn't fit this base model: {name} is unknown or of another size"
        )
    return Module(target, kind, parts)


def _fits(target: Target, kind: Kind, parts: Parts) -> bool:
    """Computed with shapes alone."""
    own = _weights(target.layer)
    layer = Weights(_shape(own.weight), None if own.bias is None else _shape(own.bias))
    try:
        changed = kind.changed(layer, {n: _shape(t) if t.dim() else t for n, t in parts.items()}, 1.0)
    except (KeyError, ValueError, RuntimeError, IndexError):
        return False
    return changed.weight.shape == own.weight.shape


def _shape(tensor: Tensor) -> Tensor:
    return torch.empty(tensor.shape, device="meta")


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
