"""Which of sd-scripts' trainers a run needs."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from train_tools.arguments.base_family import UNKNOWN, base_family
from train_tools.arguments.families import ALL, FAMILIES, Family


def family_of(arguments: Mapping[str, Any]) -> Family:
    """By the base model's head; where that says nothing, by the network module, which most families have their own of.

    A .ckpt and a hub id say nothing. What is left counts as Stable Diffusion 1.
    """
    base_model = str(arguments.get("pretrained_model_name_or_path") or "")
    found = _by_file(base_model, _changed(base_model))
    if found != UNKNOWN:
        return FAMILIES[found]
    if arguments.get("model_type") == "chroma":
        return FAMILIES["chroma"]
    module = arguments.get("network_module")
    return next((family for family in ALL if module == family.network_modules[0]), FAMILIES["sd"])


@functools.lru_cache(maxsize=64)
def _by_file(path: str, _changed: int) -> str:
    return base_family(Path(path)).name


def _changed(path: str) -> int:
    try:
        return Path(path).stat().st_mtime_ns
    except OSError:
        return 0
