"""From settings with several values to the combinations that are trained.

Axes are multiplied. *Linked* axes go side by side: the first value of one with the first of the others.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from train_tools.arguments.current import argument_named
from train_tools.arguments.values import parse_values
from train_tools.errors import UsageError

MOST_RUNS = 100_000


@dataclass(frozen=True)
class Axis:
    """Arguments that vary together; each of `steps` holds one value for each of `names`."""

    names: tuple[str, ...]
    steps: tuple[tuple[Any, ...], ...]


@dataclass(frozen=True)
class Grid:
    """`fixed` has one value for each argument; the others stand in exactly one of `lines`."""

    fixed: Mapping[str, Any]
    lines: tuple[Axis, ...]
    warnings: tuple[str, ...]

    @property
    def axes(self) -> dict[str, tuple[Any, ...]]:
        """Every argument that varies, with its different values."""
        columns = {
            name: [step[place] for step in line.steps]
            for line in self.lines
            for place, name in enumerate(line.names)
        }
        return {name: tuple(_different(values)) for name, values in columns.items()}

    def __len__(self) -> int:
        return math.prod(len(line.steps) for line in self.lines)

    def combinations(self) -> Iterator[dict[str, Any]]:
        """Fixed values with one step of each line; the last line changes fastest."""
        names = [name for line in self.lines for name in line.names]
        for steps in itertools.product(*(line.steps for line in self.lines)):
            yield {**self.fixed, **dict(zip(names, itertools.chain.from_iterable(steps), strict=True))}


def make_grid(settings: Mapping[str, Any], links: Sequence[str] = (), most_runs: int = MOST_RUNS) -> Grid:
    """Axes in the order of `settings`. Values that are equal, however written, are merged with a warning.

    Each of `links` names linked axes, as in `optimizer_type+learning_rate`.

    Raises UsageError for an unknown argument, a value that isn't allowed, a link that doesn't fit, or too
    many combinations.
    """
    values = {name: parse_values(argument_named(name), given) for name, given in settings.items()}
    linked = _linked(links, values)
    fixed: dict[str, Any] = {}
    lines: list[Axis] = []
    warnings: list[str] = []
    for name in values:
        group = linked.get(name, (name,))
        if group[0] != name:
            continue  # it stands in the line of its group's first
        line = _line(group, values, warnings)
        if len(line.steps) == 1:
            fixed.update(zip(group, line.steps[0], strict=True))
        else:
            lines.append(line)
    grid = Grid(fixed, tuple(lines), tuple(warnings))
    if len(grid) > most_runs:
        raise UsageError(
            f"these values make {len(grid)} runs; at most {most_runs} can be planned, leave some out"
        )
    return grid


def _line(names: tuple[str, ...], values: Mapping[str, list[Any]], warnings: list[str]) -> Axis:
    steps = list(zip(*(values[name] for name in names), strict=True))
    different = _different(steps)
    fixed = [name for name in names if len(different) > 1 and not argument_named(name).is_axis]
    if fixed:
        raise UsageError(f"{fixed[0]} takes one value: {argument_named(fixed[0]).not_an_axis}")
    if len(different) < len(steps):
        warnings.append(
            f"{' + '.join(names)} holds {len(steps) - len(different)} value(s) twice; they are trained once"
        )
    return Axis(names, tuple(different))


def _linked(links: Sequence[str], values: Mapping[str, list[Any]]) -> dict[str, tuple[str, ...]]:
    """Every linked argument with its group, in the order of the settings."""
    found: dict[str, tuple[str, ...]] = {}
    for text in links:
        names = [name.strip() for name in text.split("+")]
        for name in names:
            argument_named(name)
            if name not in values:
                raise UsageError(f"links = {text}: {name} has no values; set it, or take it out of the link")
            if name in found or names.count(name) > 1:
                raise UsageError(f"links = {text}: {name} is linked twice; name it once")
        if len(names) < 2:
            raise UsageError(
                f"links = {text}: a link names two or more arguments, as in optimizer_type+learning_rate"
            )
        counts = {name: len(values[name]) for name in names}
        if len(set(counts.values())) > 1:
            said = ", ".join(f"{name} has {count}" for name, count in counts.items())
            raise UsageError(f"links = {text}: linked arguments need equally many values, but {said}")
        group = tuple(name for name in values if name in names)
        found.update(dict.fromkeys(group, group))
    return found


def _different(values: Sequence[Any]) -> list[Any]:
    return list({repr(value): value for value in values}.values())
