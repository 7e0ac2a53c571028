"""A run's arguments as sd-scripts' --config_file, and a check of such a file before it is started.

sd-scripts reads the file without looking: unknown keys are ignored, a text where a number should be fails after the
base model was loaded, an empty dataset ends with exit code 0.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from train_tools.arguments.argument import Argument
from train_tools.arguments.current import current, did_you_mean
from train_tools.arguments.dependencies import Problem, broken
from train_tools.arguments.sizes import read_sizes
from train_tools.arguments.table import why_not
from train_tools.arguments.value_types import wrong_value
from train_tools.errors import UsageError
from train_tools.families.interface import Family
from train_tools.families.registry import BY_NAME, FAMILIES
from train_tools.workspace import toml

# Without these sd-scripts fails, or ends without a checkpoint and without an error.
ALWAYS_NEEDED = {
    "output_dir": "the folder that checkpoints go to",
    "network_module": "the kind of network, as networks.lora",
}
DATA = ("train_data_dir", "dataset_config", "in_json", "dataset_class")
MODULES = frozenset(module for family in FAMILIES for module in family.training.network_modules)


def dumps(arguments: Mapping[str, Any], family: Family) -> str:
    """The text of a --config_file for the family's script; what is None is left out.

    Raises UsageError with all that sd-scripts would fail on or ignore.
    """
    if wrong := faults(arguments, family):
        raise UsageError(f"these arguments can't be given to {family.training.script}: {'; '.join(wrong)}")
    given = _given(arguments)
    ordered = {name: given[name] for name in current().arguments if name in given}
    return f"# {family.training.script}\n{toml.dumps(ordered)}"


def faults(arguments: Mapping[str, Any], family: Family) -> list[str]:
    """A sentence for each thing in a run's arguments that sd-scripts would fail on or ignore."""
    return [problem.sentence for problem in check(_given(arguments), family) if problem.is_fatal]


def _given(arguments: Mapping[str, Any]) -> dict[str, Any]:
    rows = current().arguments
    return {name: _typed(rows.get(name), value) for name, value in arguments.items() if value is not None}


def _typed(row: Argument | None, value: Any) -> Any:
    """A run keeps all lists as texts; sd-scripts wants the numbers of some as numbers."""
    if row is not None and row.are_numbers and isinstance(value, list):
        try:
            return [int(item) if row.are_whole else float(item) for item in value]
        except (TypeError, ValueError):
            return value
    return value


def load(file: Path) -> dict[str, Any]:
    """A --config_file as sd-scripts reads it. Raises UsageError where it isn't TOML."""
    return flattened(toml.load(file))


def flattened(data: Mapping[str, Any]) -> dict[str, Any]:
    """Sections are headings only: their keys are taken together, a later one over an earlier one."""
    flat: dict[str, Any] = {}
    for name, value in data.items():
        flat.update(value if isinstance(value, Mapping) else {name: value})
    return flat


def check(given: Mapping[str, Any], family: Family, is_whole: bool = True) -> list[Problem]:
    """Everything that is wrong with typed values for this family; empty where sd-scripts can train.

    `is_whole`: it is all that sd-scripts will get, so that what is missing is wrong too.
    """
    rows = current().arguments
    known = {name: value for name, value in given.items() if name in rows and value is not None}
    problems = [problem for name, value in given.items() for problem in _of_one(name, value, family, rows)]
    bad = {problem.argument for problem in problems if problem.is_fatal}
    right = {name: value for name, value in known.items() if name not in bad}
    problems += broken(right, family.name)
    problems += _wrong_module(right, family)
    problems += _wrong_buckets(right, family)
    if is_whole:
        problems += _missing(known, family)
    return problems


def _of_one(name: str, value: Any, family: Family, rows: Mapping[str, Argument]) -> Iterator[Problem]:
    if name not in rows:
        yield Problem(
            name,
            f"there is no argument {name!r}, and sd-scripts ignores it; did you mean "
            f"{did_you_mean(name, [row.name for row in rows.values() if row.is_known_in(family.name)])}?",
        )
        return
    row = rows[name]
    if value is None:
        return
    if not row.is_known_in(family.name):
        titles = ", ".join(BY_NAME[other].title for other in row.families)
        yield Problem(name, f"{name} is of {titles}, not of {family.title}; leave it out")
        return
    if wrong := wrong_value(row, value, family.name):
        yield Problem(name, wrong)
    elif _is_misread(value):
        yield Problem(
            name, f"{name} is {value!r}, which sd-scripts' reader of TOML misreads; begin it otherwise"
        )
    elif row.instead is not None:
        yield Problem(name, why_not(row), is_fatal=False)
    elif row.acts_in and family.name not in row.acts_in and value not in (row.sd_default, False):
        yield Problem(name, f"{name} does nothing for {family.title}", is_fatal=False)


def _is_misread(value: Any) -> bool:
    """Whether it is right TOML that the package toml 0.10, which sd-scripts reads it with, takes for something else."""
    items = value if isinstance(value, list) else [value]
    texts = [item for item in items if isinstance(item, str)]
    commas = isinstance(value, list) and any(text.startswith(",") for text in texts)
    return commas or any(text and (text.startswith('"""') or not text.strip('"')) for text in texts)


def _wrong_module(values: Mapping[str, Any], family: Family) -> Iterator[Problem]:
    module = values.get("network_module")
    if module in MODULES and module not in family.training.network_modules:
        yield Problem(
            "network_module",
            f"network_module {module} doesn't know {family.title}; "
            f"it takes {', '.join(family.training.network_modules)}",
        )


def _wrong_buckets(values: Mapping[str, Any], family: Family) -> Iterator[Problem]:
    """The limits count as sd-scripts rounds them: the lower one down, the upper one up to multiples of the step."""
    if not values.get("enable_bucket") or "dataset_config" in values:
        return
    step = max(1, values.get("bucket_reso_steps", 64))
    if step % family.training.bucket_step:
        yield Problem(
            "bucket_reso_steps",
            f"bucket_reso_steps {step} is no multiple of {family.training.bucket_step}, which {family.title} needs",
        )
    sides = [side for size in read_sizes(str(values.get("resolution", ""))) for side in size]
    least, most = values.get("min_bucket_reso", 256), values.get("max_bucket_reso", 1024)
    if sides and min(sides) < least - least % step:
        yield Problem("min_bucket_reso", f"min_bucket_reso {least} is above the resolution; lower it")
    if sides and max(sides) > most + -most % step:
        yield Problem("max_bucket_reso", f"max_bucket_reso {most} is below the resolution; raise it")


def _missing(values: Mapping[str, Any], family: Family) -> Iterator[Problem]:
    for name in family.training.required:
        if not values.get(name):
            yield Problem(name, f"{name} is missing: this kind of base model needs that file")
    for name, what in ALWAYS_NEEDED.items():
        if not values.get(name):
            yield Problem(name, f"{name} is missing: {what}")
    if not any(values.get(name) for name in DATA):
        yield Problem("train_data_dir", "train_data_dir is missing: sd-scripts ends at once without images")
    elif not values.get("resolution") and not values.get("dataset_config"):
        yield Problem("resolution", 'resolution is missing: set it, as "512,512"')
