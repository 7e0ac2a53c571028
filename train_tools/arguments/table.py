"""Every argument of every LoRA trainer of sd-scripts, under its name there. Adding one is adding a row.

The rows stand by subject in `schema/`. They are (name, kind, sd-scripts' default, help, Chinese help,
what else is known); `flag` rows are off and `path` rows none unless given.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from types import MappingProxyType

from train_tools.arguments.argument import Argument
from train_tools.arguments.options import OPTIONS, SOURCES
from train_tools.arguments.schema import (
    captions,
    flow,
    images,
    learning,
    logs,
    loss,
    memory,
    model,
    network,
    saving,
)
from train_tools.errors import UsageError

# Subject -> its rows, in the order in which people think of them.
SUBJECTS: Mapping[str, tuple[Argument, ...]] = MappingProxyType({
    "model": model.ROWS,
    "learning": learning.ROWS,
    "network": network.ROWS,
    "loss": loss.ROWS,
    "flow": flow.ROWS,
    "images": images.ROWS,
    "captions": captions.ROWS,
    "memory": memory.ROWS,
    "saving": saving.ROWS,
    "logs": logs.ROWS,
})  # fmt: skip
ROWS: tuple[Argument, ...] = tuple(row for rows in SUBJECTS.values() for row in rows)

ARGUMENTS: Mapping[str, Argument] = MappingProxyType({row.name: row for row in ROWS})
# What a person may set.
KNOWN: Mapping[str, Argument] = MappingProxyType({
    row.name: row for row in (*ROWS, *OPTIONS, *SOURCES) if not row.chosen_by_us and row.instead is None
})  # fmt: skip


def argument_named(name: str) -> Argument:
    """One that a person may set. Raises UsageError that says why not, with the nearest names where it is unknown."""
    if name in KNOWN:
        return KNOWN[name]
    if name in ARGUMENTS:
        raise UsageError(why_not(ARGUMENTS[name]))
    raise UsageError(f"there is no training argument {name!r}; did you mean {did_you_mean(name)}?")


def why_not(argument: Argument) -> str:
    """Why a person can't set it, and what to do."""
    if argument.instead is None:
        return f"{argument.name} is not for you to set: {argument.chosen_by_us}; leave it out"
    other, value = argument.instead
    return f"{argument.name} is an old name; set {other}" + ("" if value is None else f"={value}")


def did_you_mean(name: str, known: Iterable[str] = (*KNOWN, *ARGUMENTS)) -> str:
    """The nearest names, in words; `lr` is what learning_rate is called in a run's name."""
    known = dict.fromkeys(known)
    if full := next((other for other in known if other in ARGUMENTS and ARGUMENTS[other].short == name), ""):
        return full
    return " or ".join(difflib.get_close_matches(name, known, n=2, cutoff=0.0))
