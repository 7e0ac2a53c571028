"""The training arguments as entries of the catalogue of settings."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from train_tools.arguments.argument import Argument
from train_tools.arguments.options import RULES, SOURCES
from train_tools.arguments.table import ARGUMENTS, KNOWN, argument_named
from train_tools.arguments.values import parse_values
from train_tools.errors import UsageError
from train_tools.workspace.catalogue import Entry, as_text

SECTION = "training"
AXES = {
    *ARGUMENTS,
    *(source.name for source in SOURCES),
}  # what may hold several values, unless its row says no


def training_entries() -> list[Entry]:
    """All arguments and options, in the table's order."""
    return [_entry(argument) for argument in KNOWN.values()]


def _entry(argument: Argument) -> Entry:
    is_axis = argument.name in AXES and argument.is_axis
    return Entry(
        section=SECTION,
        name=argument.name,
        kind=argument.kind,
        default=as_text(argument.default, " "),
        help=argument.help,
        zh=argument.help_zh,
        choices=tuple(map(str, argument.choices)),
        minimum=argument.minimum,
        maximum=argument.maximum,
        separator=argument.separator if is_axis else "",
        is_axis=is_axis,
        may_be_none=argument.allows_none,
    )


def check_training(settings: Mapping[str, Any]) -> None:
    """Raises UsageError for an unknown argument, and for a value or a number of values that isn't allowed."""
    for name, given in settings.items():
        argument = argument_named(name)
        if given == "":  # an empty field means the default
            continue
        may_vary = name in RULES or (name in AXES and argument.is_axis)
        if len(parse_values(argument, given)) > 1 and not may_vary:
            raise UsageError(f"{name} takes one value, not several")
