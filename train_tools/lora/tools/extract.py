"""A LoRA from the difference of two base models, as sd-scripts' extract_lora_from_models makes it (48d368fa).

Both are read layer by layer. Layers are those that a LoRA of the family changes; what is equal in both is left out.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from train_tools.errors import TrainToolsError, UsageError
from train_tools.families.layers import Role

from . import decompose, metadata
from .base import BaseFiles, Layer, open_base
from .interface import Cancelled, Progress, Watch, never, silent
from .modules import LoraModules
from .saved import Saved
from .streaming import precision, refuse_output


@dataclass(frozen=True)
class Extracted:
    """`kept` is which share of the whole difference's norm the file holds, `least_kept` of the layer that it tells
    least of. `same_text`: the text encoders are the same in both.
    """

    out: Path
    ranks: tuple[int, ...]
    least_kept: float
    kept: float
    same_text: bool


@dataclass(frozen=True)
class _Row:
    layer: Layer
    other: Layer
    role: Role


@dataclass(frozen=True)
class _How:
    rank: int | None
    share: float | None
    conv_rank: int | None
    clamp_quantile: float
    method: str


def extract(
    base: Path,
    tuned: Path,
    out: Path,
    *,
    rank: int | None = None,
    share: float | None = None,
    conv_rank: int | None = None,
    clamp_quantile: float = 1.0,
    min_diff: float = 0.0,
    method: str = "full",
    dtype: str | None = "fp16",
    device: str = "cpu",
    progress: Progress = silent,
    cancelled: Cancelled = never,
) -> Extracted:
    """`rank` is that of each layer or, with `share`, the most: then each layer has as many as hold this share of its
    norm. `conv_rank`: the same of kernels larger than a point; None: they are left out.

    `clamp_quantile`: numbers beyond it are cut down (sd-scripts' default is 0.99). `min_diff`: text encoders in which
    no number differs by more are taken for the same (sd-scripts' is 0.01). `method`: `full`, or `randomised`, which is
    quicker and holds a little less. `dtype`: None is fp32. Raises TrainToolsError.
    """
    how = _checked(rank, share, conv_rank, clamp_quantile, method)
    refuse_output(out)
    opened, changed = open_base(base), open_base(tuned)
    if opened.family.name != changed.family.name:
        raise UsageError(
            f"{base.name} is a {opened.family.title} model, and {tuned.name} a {changed.family.title} model; "
            "choose two of one family"
        )
    rows = list(_rows(opened, changed, conv_rank is not None))
    if not rows:
        raise UsageError(f"{base.name} and {tuned.name} have no layer in common that a LoRA changes")
    where, watch = torch.device(device), Watch(progress, cancelled)
    saved = Saved(precision(dtype) or torch.float32)
    same_text = _have_same_text(opened, changed, rows, min_diff, where, watch)
    squares: list[tuple[float, float]] = []
    for done, row in enumerate(rows):
        watch.step(done, len(rows), row.layer.name)
        if row.role == "text" and same_text:
            continue
        difference = _difference(opened, changed, row, where)
        if difference.any():
            squares.append(_extract(row, difference, how, saved))
    if not squares:
        raise UsageError(f"{base.name} and {tuned.name} are the same in all layers that a LoRA changes")
    file = LoraModules(tuned, {}, _said(opened), torch.float32, opened.family)
    said = metadata.of_lora(
        [file], out.stem, ranks=saved.ranks, alphas=saved.alphas,
        made_by=f"extract of {tuned.stem} - {base.stem}",
    ) | {"ss_sd_model_name": base.name}  # fmt: skip
    watch.step(len(rows), len(rows), out.name)
    saved.write(out, said)
    kept = math.sqrt(sum(held for held, _ in squares) / sum(of for _, of in squares))
    least = min(math.sqrt(held / of) for held, of in squares)
    return Extracted(out, tuple(saved.ranks), least, kept, same_text)


def _checked(
    rank: int | None, share: float | None, conv_rank: int | None, clamp_quantile: float, method: str
) -> _How:
    decompose.check(rank)
    decompose.check(conv_rank, "conv_rank")
    decompose.check_quantile(clamp_quantile)
    if rank is None and share is None:
        raise UsageError("say a rank, or the share of the difference that each layer is to hold, as 0.9")
    if share is not None and not 0 < share <= 1:
        raise UsageError(f"the share must lie between 0 and 1, as 0.9; {share:g} doesn't")
    if method not in decompose.METHODS:
        raise UsageError(f"there is no method {method}; choose {', '.join(decompose.METHODS)}")
    return _How(rank, share, conv_rank, clamp_quantile, method)


def _rows(base: BaseFiles, tuned: BaseFiles, kernels: bool) -> Iterator[_Row]:
    """Layers that both have, each once, in the order of the base model's file."""
    role_of = base.family.network.targets.role
    layers = {layer.name: layer for layer in base.layers.values()}
    for layer in sorted(layers.values(), key=lambda one: base.tensors[one.weight[0].key].at):
        key = layer.weight[0].key
        role = role_of(key.rpartition("/")[2], base.tensors[key].shape)
        other = tuned.layers.get(layer.name)
        if not role or "norm" in role or other is None or ("kernel" in role and not kernels):
            continue
        if base.shape(layer) != tuned.shape(other):
            raise UsageError(
                f"{layer.name} has different sizes in {base.path.name} and {tuned.path.name}; choose two models of one "
                "family and version"
            )
        yield _Row(layer, other, role)


def _difference(base: BaseFiles, tuned: BaseFiles, row: _Row, device: torch.device) -> Tensor:
    found = tuned.read(row.other.weight, device) - base.read(row.layer.weight, device)
    if not torch.isfinite(found).all():
        raise TrainToolsError(
            f"{row.layer.name} holds numbers that aren't finite in {base.path.name} or {tuned.path.name}; download "
            "them again"
        )
    return found


def _have_same_text(
    base: BaseFiles, tuned: BaseFiles, rows: list[_Row], min_diff: float, device: torch.device, watch: Watch
) -> bool:
    """As soon as one number differs by more, they are different."""
    for row in rows:
        if row.role == "text":
            watch.step(0, len(rows), row.layer.name)
            if float(_difference(base, tuned, row, device).abs().max()) > min_diff:
                return False
    return True


def _extract(row: _Row, difference: Tensor, how: _How, saved: Saved) -> tuple[float, float]:
    """The squares of the norm that is held, and of the whole."""
    matrix, kernel = difference.flatten(1), tuple(difference.shape[2:])
    asked = how.conv_rank if any(side != 1 for side in kernel) else how.rank
    most = min(asked or min(matrix.shape), *difference.shape[:2])
    values = decompose.decomposed(matrix, most, how.method)
    rank = most if how.share is None else min(most, decompose.rank_of_share(values, how.share))
    found = decompose.factors(values, rank, how.clamp_quantile)
    saved.add_factors(row.layer.name, found.up, found.down, float(found.rank), kernel)
    return found.kept**2 * values.square, values.square


def _said(base: BaseFiles) -> Mapping[str, str]:
    """What a LoRA of such a base model says of it."""
    words, is_v = base.family.words, base.found.predicts_velocity
    found = {"ss_v2": str("v2" in base.family.training.fixed)}
    if words.version_in_files:
        found["ss_base_model_version"] = words.version_in_files.format(v="_v" if is_v else "")
    if words.architecture:
        found["modelspec.architecture"] = words.architecture.format(v="768-v" if is_v else "512") + "/lora"
        found["modelspec.implementation"] = words.implementation
        found["modelspec.prediction_type"] = "v" if is_v else "epsilon"
    return found
