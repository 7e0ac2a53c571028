"""What some values of a grid bring along, and which combinations are left out.

    overrides   optimizer_type=Prodigy -> learning_rate=1 optimizer_args="decouple=True weight_decay=0.01"
    exclude     optimizer_type=Lion learning_rate>=1e-3; network_dim>64

Conditions beside each other must all hold; they compare with = != < <= > >=. Several rules are separated by `;`.
Overrides are applied in their order; what is excluded is decided after them.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from train_tools.arguments.current import argument_named
from train_tools.arguments.text import split, unquoted
from train_tools.arguments.values import parse_one
from train_tools.errors import UsageError

CONDITION = re.compile(r"(\w+)(!=|<=|>=|=|<|>)(.*)", re.DOTALL)
NUMBERS = ("int", "float", "int_or_ratio")
COMPARE: Mapping[str, Callable[[Any, Any], bool]] = {
    "=": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


@dataclass(frozen=True)
class Condition:
    name: str
    comparison: str
    value: Any

    def holds(self, values: Mapping[str, Any]) -> bool:
        """False where the argument isn't set at all, unless that is what is asked."""
        found = values.get(self.name)
        if self.comparison not in ("=", "!=") and (found is None or self.value is None):
            return False
        return COMPARE[self.comparison](found, self.value)


@dataclass(frozen=True)
class Rule:
    """`changes` are made where all `conditions` hold; none: such combinations are left out."""

    conditions: tuple[Condition, ...]
    changes: Mapping[str, Any]

    def holds(self, values: Mapping[str, Any]) -> bool:
        return all(condition.holds(values) for condition in self.conditions)


def parse_override(text: str) -> Rule:
    """`CONDITIONS -> NAME=VALUE …`; raises UsageError with the rule and what is wrong in it."""
    before, arrow, after = text.partition("->")
    if not arrow:
        raise UsageError(
            f"overrides = {text}: say what is set, as in optimizer_type=Prodigy -> learning_rate=1"
        )
    changes = {}
    for word in _words("overrides", text, after):
        name, equals, value = word.partition("=")
        if not equals:
            raise UsageError(f"overrides = {text}: {word!r} behind the arrow must be NAME=VALUE")
        changes[name] = parse_one(argument_named(name), unquoted(value))
    return Rule(_conditions("overrides", text, before), changes)


def parse_exclusion(text: str) -> Rule:
    """Conditions; raises UsageError with the rule and what is wrong in it."""
    return Rule(_conditions("exclude", text, text), {})


def _conditions(option: str, whole: str, text: str) -> tuple[Condition, ...]:
    found = []
    for word in _words(option, whole, text):
        match = CONDITION.fullmatch(word)
        if not match:
            raise UsageError(f"{option} = {whole}: {word!r} must be a condition, as in learning_rate>1e-4")
        name, comparison, value = match.groups()
        if comparison not in ("=", "!=") and argument_named(name).kind not in NUMBERS:
            raise UsageError(f"{option} = {whole}: {name} is no number; compare it with = or !=")
        found.append(Condition(name, comparison, parse_one(argument_named(name), unquoted(value))))
    return tuple(found)


def _words(option: str, whole: str, text: str) -> list[str]:
    try:
        words = [word for word in split(text, " ") if word]
    except ValueError as error:
        raise UsageError(f"{option} = {whole}: {error}") from error
    if not words:
        raise UsageError(f"{option} = {whole}: there is nothing on one side of it")
    return words
