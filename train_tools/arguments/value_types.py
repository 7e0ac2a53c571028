"""Whether a typed value is what sd-scripts needs: its --config_file is read without any check of its own."""

from __future__ import annotations

import math
from typing import Any

from train_tools.arguments.argument import Argument
from train_tools.arguments.values import parse_one
from train_tools.errors import UsageError

WRITE = {
    "bool": "write true or false, without quotes",
    "int": "write a whole number, without quotes and point",
    "float": "write a number, without quotes",
    "int_or_ratio": "write a whole number of steps, or a share of all steps below 1",
    "str": 'write text in quotes, as in "text"',
    "size": 'write text in quotes, as in "512,512"',
    "list": 'write a list of texts, as in ["weight_decay=0.1"]',
}


def wrong_value(argument: Argument, value: Any, family: str) -> str | None:
    """Why sd-scripts can't use this value, and what to write; None where it can.

    No text stands for a number here, unlike in a field of the page: sd-scripts would fail with it, often only after
    minutes.
    """
    if argument.is_several and isinstance(value, list):
        if not all(map(_is_number, value)):
            return f"{argument.name} = {value!r}: write numbers, as in [0.0001, 0.00001]"
        return next(filter(None, (_wrong_content(argument, item, family) for item in value)), None)
    if argument.are_numbers:
        is_right = isinstance(value, list) and all(map(_is_number, value))
        return None if is_right else f"{argument.name} = {value!r}: write a list of numbers, as in [1.0, 0.5]"
    if not _is_of_its_kind(argument, value):
        return f"{argument.name} = {value!r}: {WRITE[argument.kind]}"
    return _wrong_content(argument, value, family)


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


def _is_of_its_kind(argument: Argument, value: Any) -> bool:
    if argument.kind == "bool":
        return isinstance(value, bool)
    if argument.kind == "int":
        return isinstance(value, int) and not isinstance(value, bool)
    if argument.kind == "float":
        return _is_number(value)
    if argument.kind == "int_or_ratio":
        # A float is a share of all steps to sd-scripts: 100.0 would be a hundred times the whole training.
        return _is_number(value) and (isinstance(value, int) or 0 <= value < 1)
    if argument.kind == "list":
        return isinstance(value, list) and all(isinstance(item, str) for item in value)
    return isinstance(value, str)


def _wrong_content(argument: Argument, value: Any, family: str) -> str | None:
    """Of a value that is of its kind: outside range or choices."""
    if value == argument.sd_default_in(family):
        return None
    choices = argument.choices_in(family)
    if choices:
        return _wrong_choice(argument, value, choices)
    if isinstance(value, str) and argument.kind == "str":
        return None
    try:
        parse_one(argument, value)
    except UsageError as error:
        return str(error)
    return None


def _wrong_choice(argument: Argument, value: Any, choices: tuple[str | int, ...]) -> str | None:
    if value in choices or argument.takes_class(value):
        return None
    same = [choice for choice in choices if str(choice).lower() == str(value).lower()]
    if same:
        return None if argument.is_open else f"{argument.name} = {value!r}: write {same[0]!r}"
    return f"{argument.name} can't be {value!r}; allowed: {', '.join(map(str, choices))}"
