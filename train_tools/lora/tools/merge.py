"""Several LoRAs made into one: exactly, side by side, or brought to a rank by singular values.

Side by side ranks add up, and the new file is the sum of the weighted files. (sd-scripts' `--concat` squares the
ratios and divides by the sum of ranks.) A rank asked for lets any kinds mix; what depends on the weights of the base
model, as DoRA does, needs that beside it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from train_tools.errors import UsageError
from train_tools.families.interface import Family
from train_tools.lora.kinds import full, normalisation
from train_tools.lora.kinds.interface import Parts, Weights
from train_tools.lora.kinds.low_rank import UP

from . import decompose, metadata
from .base import BaseFiles, open_base
from .interface import Cancelled, Progress, Watch, never, silent
from .modules import LoraModules, Module, open_lora, two_factors
from .saved import Saved
from .streaming import precision, refuse_output
from .weights import Weighted, weights_of


@dataclass(frozen=True)
class MergedLora:
    """`kept` is which share of the norm the new file holds, the least of all layers and on average; 1 where exact."""

    out: Path
    layers: int
    ranks: tuple[int, ...]
    least_kept: float = 1.0
    kept: float = 1.0


@dataclass(frozen=True)
class _Used:
    file: LoraModules
    chosen: Weighted
    weight: Callable[[str], float]


@dataclass(frozen=True)
class _Ranks:
    """None: exactly."""

    linear: int | None
    kernel: int | None
    clamp_quantile: float


def merge(
    files: Sequence[Weighted],
    out: Path,
    *,
    rank: int | None = None,
    conv_rank: int | None = None,
    clamp_quantile: float = 1.0,
    base: Path | None = None,
    dtype: str | None = None,
    device: str = "cpu",
    progress: Progress = silent,
    cancelled: Cancelled = never,
) -> MergedLora:
    """`rank`: None merges exactly. `conv_rank` is that of kernels larger than a point, None: the same. `base` is the
    base model, for kinds that depend on its weights. `dtype`: fp16, bf16, fp32, or None: the finest of the files.

    Raises TrainToolsError.
    """
    if not files:
        raise UsageError("there is no LoRA to merge; choose one or several")
    decompose.check(rank)
    decompose.check(conv_rank, "conv_rank")
    decompose.check_quantile(clamp_quantile)
    refuse_output(out)
    opened = [open_lora(one.path) for one in files]
    family = _one_family(opened)
    below = open_base(base) if base else None
    used = [
        _Used(file, one, weights_of(one, family or file.family))
        for file, one in zip(opened, files, strict=True)
    ]
    saved = Saved(precision(dtype) or max((one.dtype for one in opened), key=_fineness))
    ranks = _Ranks(rank, conv_rank or rank, clamp_quantile)
    watch, kept = Watch(progress, cancelled), []
    layers = list(dict.fromkeys(name for file in opened for name in file.modules))
    for done, layer in enumerate(layers):
        watch.step(done, len(layers), layer)
        terms = [
            _Term(one.file.modules[layer], weight, torch.device(device), below)
            for one in used
            if layer in one.file.modules and (weight := one.weight(layer))
        ]
        if terms:
            kept.append(_merge_layer(layer, terms, ranks, saved))
    if not kept:
        raise UsageError("all layers have the weight 0; there is nothing to merge")
    made_by = metadata.said("merge", [(one.file, one.chosen.weight) for one in used])
    said = metadata.of_lora(opened, out.stem, ranks=saved.ranks, alphas=saved.alphas, made_by=made_by)
    watch.step(len(layers), len(layers), out.name)
    saved.write(out, said)
    return MergedLora(out, len(kept), tuple(saved.ranks), min(kept), sum(kept) / len(kept))


def _fineness(dtype: torch.dtype) -> tuple[int, float]:
    return dtype.itemsize, -torch.finfo(dtype).eps


def _one_family(files: Sequence[LoraModules]) -> Family | None:
    """Raises UsageError where two files are of different families."""
    known = [(file, file.family) for file in files if file.family is not None]
    for file, family in known:
        if family.name != known[0][1].name:
            raise UsageError(
                f"{known[0][0].path.name} is a LoRA of {known[0][1].title}, and {file.path.name} of {family.title}; "
                "merge files of one family"
            )
    return known[0][1] if known else None


class _Term:
    """One file's module on a layer."""

    def __init__(self, module: Module, weight: float, device: torch.device, base: BaseFiles | None) -> None:
        self.module, self.weight = module, weight
        self._device, self._base = device, base
        self.parts: Parts = module.parts(device)

    @property
    def is_plain(self) -> bool:
        return UP in self.parts and not self.module.needs_weight

    def factors(self) -> tuple[Tensor, Tensor]:
        """(outputs, rank) with the weight in it, and (rank, inputs x kernel)."""
        up, down = two_factors(self.module, self.parts)
        return up * (self.weight * self.module.scale(self.parts)), down

    def delta(self) -> Tensor:
        """(outputs, inputs x kernel), with the weight in it."""
        if not self.module.needs_weight:
            return self.weight * self.module.delta(self.parts).flatten(1)
        own = self._own()
        return (self.module.changed(own, self.parts, self.weight).weight - own.weight).flatten(1)

    def kernel(self, inputs: int) -> tuple[int, ...]:
        """Of the base model's layer, where there is one."""
        layer = self._base.layers.get(self.module.name) if self._base else None
        return self._base.shape(layer)[2:] if self._base and layer else self.module.kernel(inputs)

    def _own(self) -> Weights:
        module = self.module
        if self._base is None:
            raise UsageError(
                f"{module.path.name} has {self._title} modules, which depend on the base model's weights; name the "
                "base model that it was trained on, too"
            )
        layer = self._base.layers.get(module.name)
        if layer is None:
            raise UsageError(
                f"{module.path.name} doesn't fit {self._base.path.name}, which has no layer {module.name}; choose the "
                "base model that it was trained on, or one that was made from it"
            )
        bias = self._base.read(layer.bias, self._device) if layer.bias else None
        return Weights(self._base.read(layer.weight, self._device), bias)

    @property
    def _title(self) -> str:
        return "DoRA" if self.module.kind.delta else self.module.kind.title


def _merge_layer(layer: str, terms: Sequence[_Term], ranks: _Ranks, saved: Saved) -> float:
    """The share of the norm that is kept."""
    if summed := _summed(terms):
        saved.add(layer, summed)
        return 1.0
    if all(one.is_plain for one in terms):
        pairs = [one.factors() for one in terms]
        if len({(len(up), down.shape[1]) for up, down in pairs}) > 1:
            raise _mismatch(layer, terms)
        up, down = torch.cat([up for up, _ in pairs], 1), torch.cat([down for _, down in pairs])
        kernel = terms[0].kernel(down.shape[1])
        if ranks.linear is None:
            saved.add_factors(layer, up, down, float(len(down)), kernel)
            return 1.0
        if ranks.clamp_quantile == 1:
            return _add(layer, decompose.of_product(up, down), kernel, ranks, saved)
        matrix = up @ down
    else:
        if ranks.linear is None:
            kinds = ", ".join(dict.fromkeys(one.module.kind.title for one in terms))
            raise UsageError(
                f"{layer} can't be merged exactly ({kinds}): only LoRA and LoCon can stand side by side; say a rank to "
                "bring all to"
            )
        deltas = [one.delta() for one in terms]
        if len({one.shape for one in deltas}) > 1:
            raise _mismatch(layer, terms)
        matrix = sum(deltas[1:], deltas[0])
        kernel = max((one.kernel(matrix.shape[1]) for one in terms), key=len)
    values = decompose.decomposed(matrix, min(matrix.shape))
    return _add(layer, values, kernel, ranks, saved)


def _summed(terms: Sequence[_Term]) -> Mapping[str, Tensor]:
    """Of differences of normalisations and biases, which are no matrices, the sum; empty where they are others."""
    titles = {one.module.kind.title for one in terms}
    ends = {end for one in terms for end in one.parts}
    is_norm = titles == {normalisation.KIND.title}
    if not is_norm and not (titles == {full.KIND.title} and "diff_b" in ends):
        return {}
    found: dict[str, Tensor] = {}
    for one in terms:
        for end, tensor in one.parts.items():
            found[end] = found[end] + one.weight * tensor if end in found else one.weight * tensor
    return found


def _add(layer: str, values: decompose.Values, kernel: tuple[int, ...], ranks: _Ranks, saved: Saved) -> float:
    is_kernel = any(side != 1 for side in kernel)
    rank = ranks.kernel if is_kernel else ranks.linear
    assert rank is not None
    found = decompose.factors(values, rank, ranks.clamp_quantile)
    saved.add_factors(layer, found.up, found.down, float(found.rank), kernel)
    return found.kept


def _mismatch(layer: str, terms: Sequence[_Term]) -> UsageError:
    names = ", ".join(dict.fromkeys(one.module.path.name for one in terms))
    return UsageError(f"{layer} has different sizes in {names}; merge files of one base model")
