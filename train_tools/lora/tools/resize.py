"""A LoRA brought to other ranks by singular values, as sd-scripts' resize_lora does it (48d368fa).

Its alpha is kept in proportion to the rank. LoHa, LoKr and whole differences become LoRA; what is no product of two
matrices stays as it is. A rank is never more than the layer's own.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import torch

from train_tools.errors import UsageError
from train_tools.families.stable_diffusion.stored import read_tensor
from train_tools.lora.kinds.low_rank import UP
from train_tools.lora.kinds.trained import LENGTHS

from . import decompose
from .interface import Cancelled, Progress, Watch, never, silent
from .metadata import of_network
from .modules import Module, open_lora, two_factors
from .saved import Saved
from .streaming import precision, refuse_output

Method = Literal["fixed", "sv_ratio", "sv_fro", "sv_cumulative"]
METHODS: tuple[Method, ...] = ("fixed", "sv_ratio", "sv_fro", "sv_cumulative")
COMMENT = "ss_training_comment"


@dataclass(frozen=True)
class Resized:
    """`kept` is which share of the norm the new file holds, the least of all layers and on average. `as_they_are` are
    layers whose kind has no rank.
    """

    out: Path
    ranks: tuple[int, ...]
    least_kept: float
    kept: float
    as_they_are: tuple[str, ...] = ()


def resize(
    file: Path,
    out: Path,
    *,
    rank: int,
    conv_rank: int | None = None,
    method: Method = "fixed",
    value: float | None = None,
    dtype: str | None = None,
    device: str = "cpu",
    progress: Progress = silent,
    cancelled: Cancelled = never,
) -> Resized:
    """`rank` is the new one or, by the other methods, the most; `conv_rank` that of convolutions, None: the same.

    `value`: sv_ratio keeps singular values above the largest / value; sv_fro as many as hold this share of the norm,
    sv_cumulative of their sum. `dtype`: fp16, bf16, fp32, or None: as the file has it. Raises TrainToolsError.
    """
    decompose.check(rank)
    decompose.check(conv_rank, "conv_rank")
    value = _checked(method, value)
    refuse_output(out)
    opened = open_lora(file)
    saved = Saved(precision(dtype) or opened.dtype)
    watch, kept, same, old = Watch(progress, cancelled), [], [], 0
    for done, module in enumerate(opened.modules.values()):
        watch.step(done, len(opened.modules), module.name)
        if module.kind.delta is None or "diff_b" in module.tensors:
            saved.add(
                module.name, {end: read_tensor(one, torch.float32) for end, one in module.tensors.items()}
            )
            same.append(module.name)
            continue
        old = max(old, module.rank)
        most = conv_rank if conv_rank and _is_convolution(module) else rank
        kept.append(_resize(module, method, value, most, torch.device(device), saved))
    if not kept:
        raise UsageError(f"{file.name} has no layer with a rank; there is nothing to resize")
    said = dict(opened.metadata) | of_network(saved.ranks, saved.alphas)
    if method != "fixed":
        said |= {"ss_network_dim": "Dynamic", "ss_network_alpha": "Dynamic"}
    how = f"to {rank}" if method == "fixed" else f"by {method} {value:g}, at most {rank}"
    said[COMMENT] = f"resized from {old or 'another kind'} {how}; {said.get(COMMENT, '')}".removesuffix("; ")
    watch.step(len(opened.modules), len(opened.modules), out.name)
    saved.write(out, said)
    return Resized(out, tuple(saved.ranks), min(kept), sum(kept) / len(kept), tuple(same))


def _checked(method: Method, value: float | None) -> float:
    if method not in METHODS:
        raise UsageError(f"there is no method {method}; choose {', '.join(METHODS)}")
    if method == "fixed":
        return 0.0
    if method == "sv_ratio" and not (value is not None and 1 < value < float("inf")):
        raise UsageError("sv_ratio needs a value above 1, as 10")
    if method != "sv_ratio" and not (value is not None and 0 < value <= 1):
        raise UsageError(f"{method} needs a value: a share between 0 and 1, as 0.9")
    assert value is not None
    return value


def _is_convolution(module: Module) -> bool:
    return any(len(one.shape) > 2 for end, one in module.tensors.items() if end != LENGTHS)


def _resize(
    module: Module, method: Method, value: float, most: int, device: torch.device, saved: Saved
) -> float:
    """The share of the norm that is kept."""
    parts = module.parts(device)
    if UP in parts:
        up, down = two_factors(module, parts)
        values, scale = decompose.of_product(up, down), module.scale(parts)
        inputs = down.shape[1]
    else:
        matrix = module.delta(parts)
        values, scale = decompose.decomposed(matrix, min(matrix.shape)), 1.0
        inputs = matrix.shape[1]
    found = decompose.factors(values, decompose.rank_of(values, method, value, most))
    saved.add_factors(module.name, found.up, found.down, scale * found.rank, module.kernel(inputs))
    if LENGTHS in parts:
        saved.add(module.name, {LENGTHS: parts[LENGTHS]})
    return found.kept
