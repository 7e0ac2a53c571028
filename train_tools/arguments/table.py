"""Every argument of every LoRA trainer of sd-scripts, under its name there. Adding one is adding a row.

`current.current()` is the table as the installed sd-scripts makes it.

The rows stand by subject in `schema/`. They are (name, kind, sd-scripts' default, what else is known); `flag` rows are
off and `path` rows none unless given. What a person reads of each, label and help in both languages, stands under the
same names in `words/`.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from train_tools.arguments.argument import Argument
from train_tools.arguments.installed import Installed, laid_over
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
ADDED = "installed"  # the subject of what only the installed sd-scripts has

ARGUMENTS: Mapping[str, Argument] = MappingProxyType({row.name: row for row in ROWS})


@dataclass(frozen=True, eq=False)
class Table:
    """The arguments by subject and by name, and those that a person may set, options and sources among them.

    `installed` is the sd-scripts that it was made for, None where that wasn't asked.
    """

    subjects: Mapping[str, tuple[Argument, ...]]
    arguments: Mapping[str, Argument]
    known: Mapping[str, Argument]
    installed: Installed | None = None


def table_for(installed: Installed | None) -> Table:
    """The rows below, with what the installed sd-scripts says laid over them."""
    subjects = dict(SUBJECTS)
    if installed is not None:
        rows = laid_over(ARGUMENTS, installed, frozenset(row.name for row in (*OPTIONS, *SOURCES)))
        subjects = {
            subject: tuple(rows.changed.get(row.name, row) for row in own)
            for subject, own in SUBJECTS.items()
        }
        if rows.added:
            subjects[ADDED] = rows.added
    arguments = {row.name: row for own in subjects.values() for row in own}
    known = {
        row.name: row
        for row in (*arguments.values(), *OPTIONS, *SOURCES)
        if not row.chosen_by_us and row.instead is None
    }
    return Table(MappingProxyType(subjects), MappingProxyType(arguments), MappingProxyType(known), installed)


SHIPPED = table_for(None)
# What a person may set, whatever is installed.
KNOWN: Mapping[str, Argument] = SHIPPED.known


def why_not(argument: Argument) -> str:
    """Why a person can't set it, and what to do."""
    if argument.instead is None:
        return f"{argument.name} is not for you to set: {argument.chosen_by_us}; leave it out"
    other, value = argument.instead
    return f"{argument.name} is an old name; set {other}" + ("" if value is None else f"={value}")


def nearest(name: str, known: Iterable[str]) -> str:
    """The nearest names, in words; `lr` is what learning_rate is called in a run's name."""
    known = dict.fromkeys(known)
    if full := next((other for other in known if other in ARGUMENTS and ARGUMENTS[other].short == name), ""):
        return full
    return " or ".join(difflib.get_close_matches(name, known, n=2, cutoff=0.0))
