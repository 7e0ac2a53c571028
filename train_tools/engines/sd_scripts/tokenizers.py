"""CLIP's tokenizers for sd-scripts, which would ask the hub for them: `<root>/train_tools/cache/tokenizers/`."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from train_tools.families.interface import Family
from train_tools.families.stable_diffusion import tokenizer
from train_tools.families.unets import CLIP_L, OPEN_CLIP_G, OPEN_CLIP_H
from train_tools.workspace.files import replace, temporary_sibling

# OpenCLIP's differ in the token that fills up, which is "!", number 0.
FILLED_BY = {CLIP_L: tokenizer.END, OPEN_CLIP_G: "!", OPEN_CLIP_H: "!"}


def tokenizers_for(arguments: Mapping[str, Any], family: Family, folder: Path) -> Path | None:
    """`folder`, with all that the family needs; None for families whose tokenizers only the hub has.

    Also None where the run names a folder of its own, or the vocabulary is missing here. Raises OSError where they
    can't be written.
    """
    if arguments.get("tokenizer_cache_dir") or not family.training.tokenizers:
        return None
    try:
        for name in family.training.tokenizers:
            _make(folder / name, FILLED_BY[name])
    except FileNotFoundError:
        return None
    return folder


def _make(folder: Path, filled_by: str) -> None:
    if folder.is_dir():
        return
    half = temporary_sibling(folder)
    try:
        tokenizer.write_files(half, filled_by)
        try:
            replace(half, folder)
        except OSError:
            if not folder.is_dir():  # else another process was quicker
                raise
    finally:
        shutil.rmtree(half, ignore_errors=True)
