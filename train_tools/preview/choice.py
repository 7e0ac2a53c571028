"""Which runs and checkpoints a preview shows."""

from __future__ import annotations

import re
from collections.abc import Sequence
from fnmatch import fnmatchcase
from typing import Any, TypeVar

from train_tools.arguments.argument import row
from train_tools.arguments.text import split
from train_tools.arguments.values import parse_values
from train_tools.errors import UsageError
from train_tools.workspace.halfwidth import half_width

WORDS = re.compile(r"(all|last|first|every)(?:\s+(\d+))?")
EPOCHS = row("checkpoints", "int", 0, minimum=0)

Item = TypeVar("Item")


def chosen_names(names: Sequence[str], patterns: Sequence[str]) -> list[str]:
    """Those that a pattern fits, in their order; all where there is no pattern.

    Raises UsageError for a pattern that fits none.
    """
    for pattern in patterns:
        if not any(_fits(name, pattern) for name in names):
            raise UsageError(f"runs: none is called {pattern!r}; there are: {', '.join(names) or 'none'}")
    return [name for name in names if not patterns or any(_fits(name, pattern) for pattern in patterns)]


def _fits(name: str, pattern: str) -> bool:
    # A run's name may hold brackets, so that only * and ? are special.
    return name == pattern or fnmatchcase(name, pattern.replace("[", "[[]"))


def chosen_checkpoints(items: Sequence[Item], epochs: Sequence[int], text: str) -> list[Item]:
    """Those of `items` (with their `epochs`, ascending) that `text` means.

    `last 3` and `first 3` count checkpoints; `every 2` is every second, counted back from the last, which is always
    shown. Raises UsageError where `text` says neither that nor epochs.
    """
    chosen: set[int] = set()
    numbers = []
    for piece in split(half_width(text), ","):
        if found := WORDS.fullmatch(piece.strip().lower()):
            chosen |= _by_word(found[1], int(found[2] or 1), len(items))
        else:
            numbers.append(piece)
    wanted = _epochs(",".join(numbers)) if numbers else []
    chosen |= {place for place, epoch in enumerate(epochs) if epoch in wanted}
    return [items[place] for place in sorted(chosen)]


def _by_word(word: str, number: int, count: int) -> set[int]:
    if word == "all":
        return set(range(count))
    if not number:
        raise UsageError(f"checkpoints = {word} 0: write a number from 1")
    if word == "every":
        return set(range(count - 1, -1, -number))
    return set(range(count)[-number:] if word == "last" else range(count)[:number])


def _epochs(text: str) -> list[Any]:
    try:
        return parse_values(EPOCHS, text)
    except UsageError as error:
        raise UsageError(f"{error}; or all, last, last 3, first 2, every 2") from error
