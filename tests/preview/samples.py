"""What tests of previews share: settings that render in a moment."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from train_tools.preview.settings import PreviewSettings

PROMPTS = ("zorb, a red circle", "{trigger} 在蓝色背景上")
WriteLora = Callable[..., Path]


def settings(**changes: object) -> PreviewSettings:
    plain = {"prompts": PROMPTS, "weights": (0.0, 1.0), "steps": (2,), "cfg_scale": (3.0,), "batch_cells": 3}
    return PreviewSettings(**{**plain, **changes})  # type: ignore[arg-type]
