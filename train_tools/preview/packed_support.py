"""What our own renderer can draw, asked before anything is loaded."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from train_tools.engines.packed.support import unsupported_base
from train_tools.errors import UsageError
from train_tools.families.interface import Found

from . import samplers


def why_not(found: Found, run_arguments: Mapping[str, Any], sampler: str, scheduler: str) -> str:
    """In a sentence; "" where it can."""
    if unsupported_base(found):
        return f"our own renderer doesn't draw {found.title}"
    if found.predicts_velocity:
        return "our own renderer doesn't draw what predicts velocity"
    try:
        samplers.check(sampler, scheduler)
    except UsageError as error:
        return str(error)
    return ""
