"""The training arguments as entries of the catalogue of settings."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from train_tools.arguments.argument import Argument
from train_tools.arguments.current import argument_named, current
from train_tools.arguments.options import RULES, SOURCES
from train_tools.arguments.values import parse_values
from train_tools.errors import UsageError
from train_tools.workspace.catalogue import Entry, as_text

SECTION = "training"
SOURCES_BY_NAME = frozenset(source.name for source in SOURCES)


def training_entries() -> list[Entry]:
    """All arguments and options, in the table's order."""
    return [_entry(argument) for argument in current().known.values()]


def _entry(argument: Argument) -> Entry:
    is_axis = may_vary(argument)
    return Entry(
        section=SECTION,
        name=argument.name,
        kind=argument.kind,
        default=as_text(argument.default, " "),
        help=argument.words.help_in("en"),
        zh=argument.words.help_in("zh"),
        choices=tuple(map(str, argument.choices)),
        minimum=argument.minimum,
        maximum=argument.maximum,
        separator=argument.separator if is_axis else "",
        is_axis=is_axis,
        may_be_none=argument.allows_none,
    )


def may_vary(argument: Argument) -> bool:
    """Whether it may hold several values, each of which makes runs of its own."""
    return argument.is_axis and (argument.name in SOURCES_BY_NAME or argument.name in current().arguments)


def check_training(settings: Mapping[str, Any]) -> None:
    """Raises UsageError for an unknown argument, and for a value or a number of values that isn't allowed."""
    for name, given in settings.items():
        argument = argument_named(name)
        if given == "":  # an empty field means the default
            continue
        is_one = name not in RULES and not may_vary(argument)
        if len(parse_values(argument, given)) > 1 and is_one:
            raise UsageError(f"{name} takes one value, not several")
