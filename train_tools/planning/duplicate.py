"""Runs that were trained, back as settings: a plan of exactly these runs, to go on from."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from train_tools.arguments.argument import Argument
from train_tools.arguments.current import current
from train_tools.errors import UsageError
from train_tools.families.detect import detect
from train_tools.families.interface import BASE
from train_tools.planning.defaults import base_model_of, defaults_for
from train_tools.planning.setting_text import one_text, setting_text

# What made a run go on from another one isn't a wish of the person's.
GOING_ON = frozenset({"resume", "initial_epoch", "initial_step", "skip_until_initial_step"})


def settings_of(runs: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """For [training]. Where all combinations of their values are among the runs, these are multiplied, else linked.

    Raises UsageError where they differ in something that takes one value.
    """
    complete = [_complete(arguments) for arguments in runs]
    names = sorted({name for _, values in complete for name in values}, key=list(current().arguments).index)
    found: dict[str, str] = {}
    varied: dict[str, list[Any]] = {}
    for name in names:
        row = current().known[name]
        values = [of.get(name) for _, of in complete]
        if len(_different(values)) > 1:
            varied[name] = values
        elif name == BASE or any(of.get(name) != defaults.get(name) for defaults, of in complete):
            found[name] = one_text(row, values[0])
    return found | _varied(varied)


def _complete(arguments: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """What empty fields would mean, and what the run was given, where its file says nothing sd-scripts' default."""
    base = base_model_of(arguments)
    family = detect(Path(base))
    defaults = defaults_for(base, family)
    values = dict(defaults)
    for name, row in current().arguments.items():
        if name in defaults and not row.chosen_by_us and name not in GOING_ON:
            value = arguments.get(name, row.sd_default_in(family.name))
            if value is not None or row.allows_none:  # an empty field stands for what can't be said
                values[name] = value
    return defaults, values


def _varied(values: Mapping[str, Sequence[Any]]) -> dict[str, str]:
    if not values:
        return {}
    rows: dict[str, Argument] = {name: current().known[name] for name in values}
    if fixed := [row for row in rows.values() if not row.is_axis]:
        raise UsageError(
            f"these runs differ in {fixed[0].name}, which takes one value in a plan; choose runs that have the same"
        )
    runs = _different(list(zip(*values.values(), strict=True)))
    different = {name: _different(of) for name, of in values.items()}
    if math.prod(map(len, different.values())) == len(runs):
        return {name: setting_text(rows[name], _ordered(of)) for name, of in different.items()}
    columns = dict(zip(values, zip(*runs, strict=True), strict=True))
    return {
        **{name: setting_text(rows[name], list(of)) for name, of in columns.items()},
        "links": "+".join(values),
    }


def _ordered(values: list[Any]) -> list[Any]:
    """Numbers as one counts, whatever order the runs came in."""
    return sorted(values) if all(type(value) in (int, float) for value in values) else values


def _different(values: Sequence[Any]) -> list[Any]:
    return list({repr(value): value for value in values}.values())
