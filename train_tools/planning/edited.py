"""A run's TOML that a person has edited, back as settings: for all runs of the plan, or as an override for this one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from train_tools.arguments.argument import Argument
from train_tools.arguments.config_file import flattened
from train_tools.arguments.current import argument_named, current
from train_tools.arguments.options import SOURCES
from train_tools.arguments.table import why_not
from train_tools.arguments.values import parse_values
from train_tools.errors import UsageError
from train_tools.planning.setting_text import one_text, quoted
from train_tools.workspace import toml


def run_toml(arguments: Mapping[str, Any]) -> str:
    """As run.toml holds them, in the table's order."""
    return toml.dumps({name: arguments[name] for name in current().arguments if name in arguments})


def edited(arguments: Mapping[str, Any], text: str) -> dict[str, Any]:
    """The arguments that the text gives another value, in their types; what it leaves out has sd-scripts' default.

    Raises UsageError where it isn't TOML, names no argument, or changes what Train Tools chooses.
    """
    try:
        given = flattened(toml.loads(text))
    except ValueError as error:
        raise UsageError(f"this isn't TOML: {error}") from error
    changes: dict[str, Any] = {}
    for name, value in given.items():
        if name in arguments and arguments[name] == value:
            continue
        changes[name] = _typed(_changeable(name), value)
    for name in arguments:
        if name not in given:
            changes[name] = _changeable(name).sd_default
    return {name: value for name, value in changes.items() if arguments.get(name, ...) != value}


def _changeable(name: str) -> Argument:
    row = current().arguments.get(name)
    if row is not None and row.chosen_by_us:
        raise UsageError(f"{why_not(row)}, as it was")
    return argument_named(name)


def _typed(row: Argument, value: Any) -> Any:
    # One value: a list of numbers or words is one, too.
    values = parse_values(row, [value] if row.is_several and isinstance(value, list) else value)
    if len(values) != 1:
        raise UsageError(f"{row.name} holds {len(values)} values; a run has one")
    return values[0]


def as_settings(changes: Mapping[str, Any]) -> dict[str, str]:
    """For [training]; they count for all runs, also where the argument was an axis."""
    known = current().known
    return {name: one_text(known[name], value) for name, value in changes.items()}


def as_override(arguments: Mapping[str, Any], axes: Iterable[str], changes: Mapping[str, Any]) -> str:
    """A rule for `overrides` that changes the one run with these arguments.

    Raises UsageError where the plan's runs differ in something that rules don't see.
    """
    axes = list(axes)
    if unseen := [source.name for source in SOURCES if source.name in axes]:
        raise UsageError(f"runs differ by {unseen[0]}, which no rule asks for; change all runs instead")
    if not axes:
        raise UsageError("there is only one run; change all runs instead")
    rows = current().arguments
    conditions = [_word(name, arguments.get(name, rows[name].sd_default)) for name in axes]
    return f"{' '.join(conditions)} -> {' '.join(_word(name, value) for name, value in changes.items())}"


def _word(name: str, value: Any) -> str:
    text = one_text(current().arguments[name], value)
    needs_quotes = not text or (any(mark in text for mark in " ;,'\"") and not text.startswith('"'))
    return f"{name}={quoted(text) if needs_quotes else text}"
