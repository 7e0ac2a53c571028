"""From settings with several values to the combinations that are trained: the Cartesian product."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from train_tools.errors import UsageError
from train_tools.planning.arguments import argument_named
from train_tools.planning.values import parse_values

MOST_RUNS = 100_000


@dataclass(frozen=True)
class Grid:
    """`fixed` has one value for each argument; each of `axes` has several."""

    fixed: Mapping[str, Any]
    axes: Mapping[str, tuple[Any, ...]]
    warnings: tuple[str, ...]

    def __len__(self) -> int:
        return math.prod(len(values) for values in self.axes.values())

    def combinations(self) -> Iterator[dict[str, Any]]:
        """Fixed values with one value of each axis; the last axis changes fastest."""
        for values in itertools.product(*self.axes.values()):
            yield {**self.fixed, **dict(zip(self.axes, values, strict=True))}


def make_grid(settings: Mapping[str, Any]) -> Grid:
    """Axes in the order of `settings`. Values that are equal, however written, are merged with a warning.

    Raises UsageError for an unknown argument, a value that isn't allowed, or too many combinations.
    """
    fixed: dict[str, Any] = {}
    axes: dict[str, tuple[Any, ...]] = {}
    warnings = []
    for name, given in settings.items():
        values = parse_values(argument_named(name), given)
        different = _different(values)
        if len(different) < len(values):
            warnings.append(
                f"{name} holds {len(values) - len(different)} value(s) twice; they are trained once"
            )
        if len(different) == 1:
            fixed[name] = different[0]
        else:
            axes[name] = tuple(different)
    grid = Grid(fixed, axes, tuple(warnings))
    if len(grid) > MOST_RUNS:
        raise UsageError(
            f"these values make {len(grid)} runs; at most {MOST_RUNS} can be planned, leave some out"
        )
    return grid


def _different(values: list[Any]) -> list[Any]:
    return list({repr(value): value for value in values}.values())
