"""What can be drawn with sd-scripts, asked before anything is loaded."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from train_tools.environment.sd_scripts_place import sd_scripts_folder
from train_tools.families.interface import Found


def why_not(found: Found, run_arguments: Mapping[str, Any], sampler: str, scheduler: str) -> str:
    """In a sentence; "" where it can."""
    if sd_scripts_folder() is None:
        return "sd-scripts isn't installed; make it with `python -m train_tools env create --sd-scripts`"
    return f"sd-scripts doesn't draw {found.title} here yet"
