"""Arguments that need or exclude each other, as the table's rows say it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from train_tools.arguments.argument import Argument, Dependency
from train_tools.arguments.table import ARGUMENTS

# Only these are asked: most rows depend on nothing, and a plan asks for each of its runs.
DEPENDING = tuple(row for row in ARGUMENTS.values() if row.needs or row.excludes)


@dataclass(frozen=True)
class Problem:
    """`is_fatal`: sd-scripts would end with an error, or ignore what was asked for without a word."""

    argument: str
    sentence: str
    is_fatal: bool = True


def broken(values: Mapping[str, Any], family: str) -> Iterator[Problem]:
    """What doesn't fit together in a run's arguments; one that is absent has sd-scripts' default."""
    for row in DEPENDING:
        if not values.get(row.name, True):
            continue  # off: most are, and this is asked thousands of times
        value = _value(row, values, family)
        if not row.is_known_in(family) or not is_set(row, value, family):
            continue
        for dependency in row.needs:
            if _counts(dependency, value, family) and not _has(dependency, values, family):
                yield Problem(row.name, _sentence(row, value, dependency, "needs"), dependency.is_fatal)
        for dependency in row.excludes:
            if _counts(dependency, value, family) and _collides(dependency, values, family):
                yield Problem(
                    row.name, _sentence(row, value, dependency, "can't go with"), dependency.is_fatal
                )


def is_set(row: Argument, value: Any, family: str) -> bool:
    """Whether it is on, and not by sd-scripts' default."""
    return bool(value) and value != row.sd_default_in(family)


def _value(row: Argument, values: Mapping[str, Any], family: str) -> Any:
    return values.get(row.name, row.sd_default_in(family))


def _counts(dependency: Dependency, value: Any, family: str) -> bool:
    return (not dependency.when or value in dependency.when) and (
        not dependency.families or family in dependency.families
    )


def _has(dependency: Dependency, values: Mapping[str, Any], family: str) -> bool:
    other = _value(ARGUMENTS[dependency.other], values, family)
    if dependency.values:
        return other in dependency.values
    # Zero is a value: a noise_offset of 0 is given.
    return other is not None and other is not False and other not in ("", [])


def _collides(dependency: Dependency, values: Mapping[str, Any], family: str) -> bool:
    row = ARGUMENTS[dependency.other]
    other = _value(row, values, family)
    return other in dependency.values if dependency.values else is_set(row, other, family)


def _sentence(row: Argument, value: Any, dependency: Dependency, verb: str) -> str:
    this = row.name if row.kind != "str" or not dependency.when else f"{row.name} {value}"
    wanted = [str(v).lower() if isinstance(v, bool) else str(v) for v in dependency.values]
    other = f"{dependency.other} {' or '.join(wanted)}" if wanted else dependency.other
    return f"{this} {verb} {other}: {dependency.because}"
