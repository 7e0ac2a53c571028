"""Settings of a training that aren't arguments of a run: how the grid is made and how it is trained."""

from __future__ import annotations

from train_tools.arguments.argument import Argument, row
from train_tools.errors import UsageError
from train_tools.families.registry import FAMILIES, family_named

MOST_AT_ONCE = 64  # runs of one pack


def _count_at_once(text: str) -> str:
    if not text.isdecimal() or not 1 <= int(text) <= MOST_AT_ONCE:
        raise UsageError(f"{text} is neither auto nor a number from 1 to {MOST_AT_ONCE}")
    return str(int(text))


OPTIONS: tuple[Argument, ...] = (
    row("engine", "str", "auto", choices=("auto", "packed", "sd-scripts")),
    row("family", "str", "auto", choices=("auto", *(family.name for family in FAMILIES)),
        reads=lambda text: family_named(text).name),
    row("pack_size", "str", "auto", choices=("auto", "1", "2", "4", "8", "16"), reads=_count_at_once),
    row("links", "str", "", is_text=True, opens="plain"),
    row("overrides", "str", "", is_text=True, opens="plain"),
    row("exclude", "str", "", is_text=True, opens="plain"),
    row("seeds", "int", 1, minimum=1, maximum=100),
)  # fmt: skip
# Options that hold several rules.
RULES = frozenset({"links", "overrides", "exclude"})
# Axes that aren't arguments: what a run is made from.
SOURCES: tuple[Argument, ...] = (
    row("dataset_version", "str", "", short="data", opens="plain"),
    row("use_reg_images", "bool", True, short="reg"),
    row("preset", "str", "", opens="plain"),
)  # fmt: skip
