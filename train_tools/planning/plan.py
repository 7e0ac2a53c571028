"""The plan: every run that the settings mean, with its name, cost and state, before anything starts."""

from __future__ import annotations

import dataclasses
import functools
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from train_tools.engines.interface import Engine
from train_tools.engines.registry import engine_named
from train_tools.errors import UsageError
from train_tools.planning.arguments import OPTIONS, argument_named
from train_tools.planning.checkpoints import checkpoint_names
from train_tools.planning.checks import warnings_of
from train_tools.planning.defaults import base_model_of, complete, defaults_for, differing, written
from train_tools.planning.existing import ExistingRuns
from train_tools.planning.grid import Grid, make_grid
from train_tools.planning.images import Dataset, read_dataset, steps_per_epoch
from train_tools.planning.lora_size import lora_bytes, lora_shape
from train_tools.planning.names import digest, run_name, value_text
from train_tools.planning.timing import Clock
from train_tools.planning.values import parse_values
from train_tools.workspace import settings
from train_tools.workspace.workspace import Version

DEFAULT_ENGINE = "packed"
TRAINED_ALREADY = ("finished", "running", "queued")


@dataclasses.dataclass(frozen=True)
class PlannedRun:
    """One run. `arguments` is what its run.toml will hold; `seconds` is its share of its pack's time.

    `reasons` say why `engine` can't train it; empty where it can. `state` is `new` or that of the
    run's folder. `label` tells it from its siblings.
    """

    name: str
    run_id: str
    digest: str
    output_name: str
    label: str
    arguments: Mapping[str, Any]
    engine: str
    reasons: tuple[str, ...]
    steps: int
    images_seen: int
    checkpoints: tuple[str, ...]
    disk_bytes: int
    seconds: float
    state: str

    @property
    def is_to_train(self) -> bool:
        return self.state not in TRAINED_ALREADY and not self.reasons


@dataclasses.dataclass(frozen=True)
class Plan:
    """`packs` hold the runs that are to be trained, each pack at once; `axes` the values that vary."""

    runs: tuple[PlannedRun, ...]
    axes: Mapping[str, tuple[Any, ...]]
    warnings: tuple[str, ...]
    packs: tuple[tuple[PlannedRun, ...], ...]
    dataset_fingerprint: str

    @property
    def runs_to_train(self) -> list[PlannedRun]:
        return [run for pack in self.packs for run in pack]


def make_plan(version: Version, overrides: Mapping[str, Any], engine_name: str = DEFAULT_ENGINE) -> Plan:
    """The plan for the version's settings with `overrides` over them; an empty text means the default.

    Writes nothing. Raises UsageError for wrong settings, no dataset or base model, or too small a disk.
    """
    engine = engine_named(engine_name)
    given, options = _settings(version, overrides)
    grid = make_grid(given)
    dataset = read_dataset(version.processed)
    warnings = [*grid.warnings]
    runs = _runs(version, grid, dataset, engine, warnings)
    packs = _packs(runs, engine, options["pack_size"])
    clock = Clock(version, engine.name)
    timed = {run.run_id: clock.seconds(run.arguments, run.steps, len(pack)) for pack in packs for run in pack}
    runs = [dataclasses.replace(run, seconds=timed.get(run.run_id, 0.0)) for run in runs]
    by_id = {run.run_id: run for run in runs}
    _check_disk(version, [run for run in runs if run.is_to_train])
    return Plan(
        runs=tuple(runs),
        axes=grid.axes,
        warnings=tuple(dict.fromkeys([*warnings, *clock.warnings])),
        packs=tuple(tuple(by_id[run.run_id] for run in pack) for pack in packs),
        dataset_fingerprint=dataset.fingerprint,
    )


def _settings(version: Version, overrides: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """What is set for arguments, and the options with their values."""
    for name in overrides:
        argument_named(name)
    saved = settings.read(version)["training"]
    together = {name: value for name, value in {**saved, **overrides}.items() if value != ""}
    options = {}
    for option in OPTIONS:
        values = parse_values(option, together.pop(option.name, option.default))
        if len(values) != 1:
            raise UsageError(f"{option.name} takes one value, not {len(values)}")
        options[option.name] = values[0]
    return together, options


def _runs(
    version: Version, grid: Grid, dataset: Dataset, engine: Engine, warnings: list[str]
) -> list[PlannedRun]:
    existing = ExistingRuns(version.trains)
    defaults = functools.cache(defaults_for)
    shape = functools.cache(lora_shape)
    checked = functools.cache(_checked_base)
    found: dict[str, PlannedRun] = {}
    for combination in grid.combinations():
        base_model = checked(base_model_of(combination))
        values = complete(combination, defaults(base_model))
        content = digest(written(values), version.project, version.name, dataset.fingerprint)
        if content in found:
            warnings.append(f"two combinations mean the same run ({found[content].name}); it is trained once")
            continue
        further = [*grid.axes, *(n for n in differing(values, defaults(base_model)) if n not in grid.axes)]
        name, run_id, state = existing.place(run_name(values, further), content)
        arguments = _with_places(written(values), version, name, run_id)
        warnings += warnings_of(values)
        if not shape(Path(base_model)).is_measured:
            warnings.append(f"the layers of {base_model} can't be read; disk is that of Stable Diffusion 1.5")
        steps = steps_per_epoch(dataset, values) * values["max_train_epochs"]
        names = checkpoint_names(arguments, steps)
        found[content] = PlannedRun(
            name=name,
            run_id=run_id,
            digest=content,
            output_name=arguments["output_name"],
            label=_label(grid, values) or name,
            arguments=arguments,
            engine=engine.name,
            reasons=tuple(engine.unsupported(arguments)),
            steps=steps,
            images_seen=dataset.images_per_epoch * values["max_train_epochs"],
            checkpoints=tuple(names),
            disk_bytes=len(names) * lora_bytes(shape(Path(base_model)), values),
            seconds=0.0,
            state=state,
        )
    return list(found.values())


def _checked_base(base_model: str) -> str:
    if not Path(base_model).exists():
        raise UsageError(
            f"the base model {base_model} is missing; set pretrained_model_name_or_path to a checkpoint file"
        )
    return base_model


def _with_places(values: dict[str, Any], version: Version, name: str, run_id: str) -> dict[str, Any]:
    folder = version.trains.absolute() / name
    return {
        **values,
        "train_data_dir": str(version.processed.absolute()),
        "output_dir": str(folder),
        "output_name": f"{version.project}-{version.name}-{run_id}",
        "logging_dir": str(folder / "logs"),
    }


def _label(grid: Grid, values: Mapping[str, Any]) -> str:
    return " ".join(f"{argument_named(name).short}-{value_text(values[name])}" for name in grid.axes)


def _packs(runs: list[PlannedRun], engine: Engine, pack_size: int) -> list[list[PlannedRun]]:
    """Runs to train, in packs of those that may share one, in the order of their first run."""
    groups: dict[str, list[PlannedRun]] = {}
    for run in runs:
        if run.is_to_train:
            groups.setdefault(engine.pack_key(run.arguments), []).append(run)
    return [group[i : i + pack_size] for group in groups.values() for i in range(0, len(group), pack_size)]


def _check_disk(version: Version, runs: list[PlannedRun]) -> None:
    needed = sum(run.disk_bytes for run in runs)
    free = shutil.disk_usage(version.folder).free
    if needed > free:
        raise UsageError(
            f"these {len(runs)} runs need {needed / 1e6:,.1f} MB, and {version.folder} has "
            f"{free / 1e6:,.1f} MB free; "
            "make room, plan fewer runs, or save fewer checkpoints (save_every_n_epochs)"
        )
