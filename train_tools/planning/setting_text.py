"""A setting as a person would write it into a field, whatever form version.toml keeps it in."""

from __future__ import annotations

from typing import Any

from train_tools.arguments.argument import Argument
from train_tools.workspace.catalogue import as_text


def setting_text(argument: Argument, value: Any) -> str:
    """`arguments.values.parse_values` reads the same values from it."""
    if not isinstance(value, (list, tuple)):
        return as_text(value)
    if argument.kind != "list":
        return argument.separator.join(
            _joined(item) if isinstance(item, (list, tuple)) else as_text(item) for item in value
        )
    if any(isinstance(item, (list, tuple)) for item in value):
        return "; ".join(_joined(item) for item in value)
    return _joined(value)


def one_text(argument: Argument, value: Any) -> str:
    """A single typed value of an argument; a list of numbers that are one value has blanks between them."""
    if isinstance(value, (list, tuple)):
        return _joined(value)
    text = as_text(value)
    is_word = argument.kind == "str" and not argument.choices and isinstance(value, str)
    return quoted(text) if is_word and argument.separator in text else text


def quoted(text: str) -> str:
    return '"' + text.replace('"', '""') + '"'


def _joined(items: Any) -> str:
    if not isinstance(items, (list, tuple)):
        return as_text(items)
    return " ".join(quoted(text) if " " in (text := as_text(item)) else text for item in items)
