"""From the settings that a person gave to the complete arguments of a run."""

from __future__ import annotations

import functools
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from train_tools.arguments.argument import Argument
from train_tools.arguments.current import current
from train_tools.arguments.table import Table
from train_tools.errors import UsageError
from train_tools.families.interface import BASE, Found
from train_tools.small_models import base_model_file


class NoBaseModelError(UsageError):
    """What is to be trained on isn't there."""


# Defaults that suit a base model better than the table's, by the model's file.
FOR_THE_SHIPPED_MODEL: Mapping[str, Any] = {
    "resolution": "64,64",  # what it was trained at
    "min_bucket_reso": 32,
    "max_bucket_reso": 128,
    "bucket_reso_steps": 8,
    "mixed_precision": "no",  # it is small enough for a CPU, where bf16 is slower
}
# Written into every run.toml, so that a reader sees them; others only where they aren't sd-scripts' default.
ALWAYS_WRITTEN = frozenset({
    "train_batch_size", "max_train_epochs", "learning_rate", "optimizer_type", "lr_scheduler", "network_dim",
    "network_alpha", "mixed_precision", "resolution", "seed",
})  # fmt: skip
NOT_LOOKED_AT = Found()
RANK_OF_NONE = 4  # what sd-scripts' networks take where no rank is given


# Both are read ten thousand times in one plan.
@functools.lru_cache(maxsize=4)
def _paths(table: Table) -> tuple[str, ...]:
    return tuple(name for name, row in table.known.items() if row.is_path and name != BASE)


@functools.lru_cache(maxsize=4)
def _rows(table: Table) -> tuple[Argument, ...]:
    return tuple(row for name, row in table.known.items() if name in table.arguments)


def defaults_for(base_model: str, found: Found = NOT_LOOKED_AT) -> dict[str, Any]:
    """Every argument's value where nobody set it, for a run on `base_model`, in the table's order.

    `found` is what the base model is. What its own file says, as that it predicts velocity, needn't be set.

    Arguments that Train Tools chooses are added later, those that are old names of others never.
    """
    defaults = {
        row.name: row.sd_default_in(found.name) if row.default == row.sd_default else row.default
        for row in _rows(current())
    }
    if found.family is not None:
        defaults.update({**found.family.training.defaults, **found.said})
    if is_shipped(base_model):
        defaults.update(FOR_THE_SHIPPED_MODEL)
    return {**defaults, "pretrained_model_name_or_path": base_model}


def base_model_of(given: Mapping[str, Any]) -> str:
    """The absolute path of the base model: the shipped one where nothing is said."""
    return absolute(given.get("pretrained_model_name_or_path") or str(base_model_file()))


def complete(given: Mapping[str, Any], defaults: Mapping[str, Any]) -> dict[str, Any]:
    """`given` over `defaults` (of its base model), with absolute paths."""
    values = {**defaults, **given, "pretrained_model_name_or_path": defaults["pretrained_model_name_or_path"]}
    if values["network_dim"] is None:
        values["network_dim"] = RANK_OF_NONE
    for name in _paths(current()):
        if values[name]:
            values[name] = _absolute_all(values[name])
    return values


def written(values: Mapping[str, Any], family: str = "") -> dict[str, Any]:
    """What run.toml holds: without sd-scripts' own defaults for `family`, so that equal runs have equal files."""
    return {
        name: value
        for name, sd_default, is_always in _sd_defaults(current(), family)
        if (value := values.get(name)) is not None and (is_always or value != sd_default)
    }


@functools.lru_cache(maxsize=64)
def _sd_defaults(table: Table, family: str) -> tuple[tuple[str, Any, bool], ...]:
    return tuple((row.name, row.sd_default_in(family), row.name in ALWAYS_WRITTEN) for row in _rows(table))


def differing(values: Mapping[str, Any], defaults: Mapping[str, Any]) -> list[str]:
    """The names of arguments that someone set to something else than the default, in the table's order."""
    # Most values are the very objects of the defaults: that is asked first, as it is quicker.
    return [
        name for name, default in defaults.items() if values[name] is not default and values[name] != default
    ]


def _absolute_all(value: str | list[str]) -> str | list[str]:
    return absolute(value) if isinstance(value, str) else [absolute(path) for path in value]


def absolute(path: str) -> str:
    # Not resolve(): a link's own name is the one that the user knows.
    return os.path.abspath(Path(path).expanduser())


def is_shipped(base_model: str) -> bool:
    """Whether it is the small one that ships."""
    return os.path.normcase(absolute(base_model)) == os.path.normcase(absolute(str(base_model_file())))
