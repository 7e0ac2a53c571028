"""A LoRA file with weights in it: each module's change multiplied."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor

from train_tools.errors import TrainToolsError

from .kinds.registry import kind_of
from .kohya import LoraFile


def weighted(file: LoraFile, weight_of: Callable[[str], float]) -> dict[str, Tensor]:
    """`weight_of` a module's name. Raises TrainToolsError where it is no multiple of what a module adds, as of DoRA."""
    tensors = dict(file.tensors)
    for name, parts in file.modules.items():
        if (weight := weight_of(name)) == 1:
            continue
        kind = kind_of(parts)
        if kind is None or not kind.scaled or "dora_scale" in parts:
            raise TrainToolsError(
                f"{file.path.name} has modules of a kind that block weights can't be put into; leave them out, or "
                "draw without a webui (renderer=diffusers)"
            )
        for end in kind.scaled:
            if end in parts:
                tensors[f"{name}.{end}"] = parts[end] * weight
    return tensors
