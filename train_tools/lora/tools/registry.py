"""The tools for LoRA files, in the order in which people look for them. One more is one more file in `rows`."""

from __future__ import annotations

import importlib

from train_tools.errors import UsageError

from .interface import Tool

NAMES = ("info", "edit", "compare", "merge", "merge-into", "extract", "resize")


def tool(name: str) -> Tool:
    """Raises UsageError where there is none of that name."""
    if name not in NAMES:
        raise UsageError(f"there is no tool {name!r} for LoRA files; there are: {', '.join(NAMES)}")
    found: Tool = importlib.import_module(f"train_tools.lora.tools.rows.{name.replace('-', '_')}").TOOL
    return found


def tools() -> list[Tool]:
    return [tool(name) for name in NAMES]
