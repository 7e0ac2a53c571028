"""From a grid to its planned runs: complete arguments, name, id, steps, checkpoints and disk of each."""

from __future__ import annotations

import dataclasses
import functools
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from train_tools.arguments.checkpoints import checkpoint_names
from train_tools.arguments.titles import title_of
from train_tools.dataset.training import training_images
from train_tools.engines.interface import Engine
from train_tools.engines.registry import ENGINES
from train_tools.errors import UsageError
from train_tools.families.detect import detect, told
from train_tools.families.interface import Found
from train_tools.planning.caption_checks import check_captions, read_captions
from train_tools.planning.checks import Facts, check_run
from train_tools.planning.defaults import (
    NoBaseModelError,
    base_model_of,
    complete,
    defaults_for,
    differing,
    is_shipped,
    written,
)
from train_tools.planning.existing import ExistingRuns, Place
from train_tools.planning.findings import Findings
from train_tools.planning.grid import Grid
from train_tools.planning.images import Dataset, read_dataset, shown_in_an_epoch, steps_per_epoch
from train_tools.planning.length import in_epochs, length_of, over
from train_tools.planning.lora_size import lora_bytes, lora_shape, state_bytes
from train_tools.planning.models import Models
from train_tools.planning.names import FILES, decides, digest, run_name
from train_tools.planning.presets import all_presets, combined, named, own_folder
from train_tools.planning.rules import Rule
from train_tools.workspace.workspace import Version, folders_in, missing

MOST_CHECKPOINTS = 100_000  # of one run
TRAINED_ALREADY = ("finished", "running", "queued")


@dataclasses.dataclass(frozen=True)
class PlannedRun:
    """One run. `arguments` is what its run.toml will hold; `seconds` is its share of its pack's time.

    `disk_bytes` is what its checkpoints take, `state_bytes` what it needs besides while it is trained.
    `reasons` say why `engine` can't train it; empty where it can. `passed_over` say why an engine that is tried before
    can't; `faults`, why it would fail. `state` is `new` or that of the run's folder, `why` as in `existing.Place`.
    `label` tells it from its siblings.
    """

    name: str
    run_id: str
    digest: str
    output_name: str
    label: str
    arguments: Mapping[str, Any]
    engine: str
    reasons: tuple[str, ...]
    passed_over: tuple[str, ...]
    steps: int
    epochs: int
    images_seen: int
    checkpoints: tuple[str, ...]
    disk_bytes: int
    state_bytes: int
    seconds: float
    state: str
    dataset_fingerprint: str
    faults: tuple[str, ...] = ()
    why: str = ""
    dataset_parts: Mapping[str, str] = dataclasses.field(default_factory=dict)

    @property
    def is_to_train(self) -> bool:
        return self.state not in TRAINED_ALREADY and not self.reasons and not self.faults

    @property
    def is_refused(self) -> bool:
        """It would be trained, but can't be, or would fail."""
        return self.state not in TRAINED_ALREADY and bool(self.reasons or self.faults)


@dataclasses.dataclass(frozen=True)
class Source:
    """A version whose images are trained on. `reg` holds the regularisation images, "" where there are none."""

    version: Version
    dataset: Dataset
    reg: str

    @functools.cached_property
    def images_folder(self) -> str:
        return str(self.version.processed.absolute())


class Expansion:
    """Expands grids of one version; what many runs share is looked up once. The first of `engines` that can trains."""

    def __init__(
        self, version: Version, engines: Sequence[Engine], findings: Findings, family: str = ""
    ) -> None:
        """`family` is what a person says of base models that aren't known, one of families.registry; "" nothing."""
        self._version = version
        self._told = family
        self._engines = engines
        self._findings = findings
        self._models = Models(version)
        self._existing = ExistingRuns(version, self._models)
        self._defaults = functools.cache(
            lambda base_model: defaults_for(base_model, self._family(base_model))
        )
        self.shape = functools.cache(lambda base_model: lora_shape(self._family(base_model)))
        self._family = functools.cache(lambda base_model: told(detect(Path(base_model)), family))
        self._presets = all_presets(own_folder(version))
        self._trains = str(version.trains.absolute())
        self._base = functools.cache(_checked_base)
        self._source = functools.cache(self._read_source)
        self._captions = functools.cache(read_captions)

    def runs(self, grid: Grid, overrides: Sequence[Rule], exclusions: Sequence[Rule]) -> list[PlannedRun]:
        """Every different run of `grid`, in its order; raises UsageError where nothing is left."""
        axes = list(grid.axes)
        self._models.expect(str(value) for name in FILES for value in grid.axes.get(name, ()) if value)
        found: dict[str, PlannedRun] = {}
        for whole, source, preset in self._combinations(grid, overrides, exclusions):
            count = functools.partial(self._steps_per_epoch, source.dataset, whole)
            values = in_epochs(whole, count, self._findings)
            arguments = self._written(values)
            fingerprint = source.dataset.fingerprint
            deciding = {name: value for name, value in arguments.items() if name in axes or decides(name)}
            content = digest(deciding, fingerprint, self._models.token)
            if content in found:
                if not overrides:
                    self._findings.say(
                        "same-run", f"two combinations mean the same run ({found[content].name})"
                    )
                continue
            # By all arguments, too: so runs were recorded of which only some came to count.
            recorded = [deciding] if len(deciding) == len(arguments) else [deciding, arguments]
            place = functools.partial(
                self._existing.place, content=content, dataset=source.dataset, recorded=recorded
            )
            found[content] = self._run({**values, "preset": preset}, arguments, axes, place, source)
        for path in self._models.doubtful:
            self._findings.say(
                "model-unread",
                f"{Path(path).name} is being read to know whether it is the one that finished runs were trained on",
            )
        if not found:
            raise UsageError("exclude leaves no combination to train; take a condition out")
        return list(found.values())

    def _combinations(
        self, grid: Grid, overrides: Sequence[Rule], exclusions: Sequence[Rule]
    ) -> Iterator[tuple[dict[str, Any], Source, str]]:
        """The complete values of each combination that is to be trained, its images, and its preset."""
        for given in grid.combinations():
            name = given.pop("dataset_version", None) or self._version.name
            with_reg = given.pop("use_reg_images", True)
            preset = given.pop("preset", "")
            combination = over(self._preset_for(preset, base_model_of(given)), given)
            values = self._complete(combination)
            for rule in overrides:
                if rule.holds(values):
                    combination = over(combination, rule.changes)
                    values = self._complete(combination)
            if not any(rule.holds(values) for rule in exclusions):
                yield values, self._source(name, values["reg_data_dir"], with_reg), preset

    def _preset_for(self, preset: str, base_model: str) -> Mapping[str, Any]:
        if not preset:
            return {}
        family = self._family(self._base(base_model))
        for one in filter(None, map(self._presets.get, named(preset))):
            if family.name and one.fit(family, Path(base_model).name) == "other family":
                self._findings.say(
                    "preset-family",
                    f"the preset {one.name} is for {one.titles}, and the base model is {family.title}",
                )
        return combined(preset, self._presets, family.name)

    def _complete(self, combination: Mapping[str, Any]) -> dict[str, Any]:
        defaults = self._defaults(self._base(base_model_of(combination)))
        return complete(over(defaults, combination), defaults)

    def _written(self, values: dict[str, Any]) -> dict[str, Any]:
        """What run.toml holds of the arguments; the family only where the base model's file doesn't say it."""
        base_model = values["pretrained_model_name_or_path"]
        arguments = written(values, self._family(base_model).name)
        is_said = self._told and detect(Path(base_model)).family != self._family(base_model).family
        return {**arguments, "family": self._told} if is_said else arguments

    def _steps_per_epoch(self, dataset: Dataset, values: Mapping[str, Any]) -> tuple[int, bool]:
        """With the processes of the engine that trains all but what no engine can; and whether it ends within one."""
        base = self._family(values["pretrained_model_name_or_path"])
        engine, _, _ = self._engine_for(self._written({**values, "max_train_epochs": 1}), base)
        return steps_per_epoch(dataset, values, engine.processes), engine.counts_steps

    def _run(
        self,
        values: dict[str, Any],
        arguments: dict[str, Any],
        axes: list[str],
        place_of: Callable[[str], Place],
        source: Source,
    ) -> PlannedRun:
        base_model = values["pretrained_model_name_or_path"]
        shown = {**values, "dataset_version": source.version.name, "use_reg_images": bool(source.reg)}
        others = differing(values, self._defaults(base_model))
        further = [*axes, *(name for name in others if name not in axes and decides(name))]
        place = place_of(run_name(shown, further))
        arguments = self._with_places(arguments, source, place)
        shape = self.shape(base_model)
        base = self._family(base_model)
        engine, reasons, passed_over = self._engine_for(arguments, base)
        an_epoch = steps_per_epoch(source.dataset, values, engine.processes)
        steps, epochs = length_of(values, an_epoch)
        if not shape.is_measured and not base.fault:
            self._findings.say("size-guessed", f"the layers of {base_model} can't be read")
        if is_shipped(base_model):
            self._findings.say(
                "shipped-model",
                f"{Path(base_model).stem} is the toy that ships with Train Tools: it draws shapes of 64 pixels",
            )
        found = Findings()
        check_run(Facts(values, steps, source.dataset, base), found)
        captions = self._captions(source.version, source.reg, str(values["caption_extension"]))
        check_captions(values, engine.name, captions, found)
        faults = self._findings.take(found)
        _check_count(values, steps)
        names = checkpoint_names(arguments, steps, epochs)
        return PlannedRun(
            name=place.folder_name,
            run_id=place.run_id,
            digest=place.digest,
            output_name=arguments["output_name"],
            label=title_of({n: shown[n] for n in axes}) or place.folder_name,
            arguments=arguments,
            engine=engine.name,
            reasons=reasons,
            passed_over=passed_over,
            faults=faults,
            steps=steps,
            epochs=epochs,
            images_seen=round(shown_in_an_epoch(source.dataset, values) * steps / an_epoch),
            checkpoints=tuple(names),
            disk_bytes=len(names) * lora_bytes(shape, values),
            state_bytes=state_bytes(shape, values),
            seconds=0.0,
            state=place.state,
            why=place.why,
            dataset_fingerprint=source.dataset.fingerprint,
            dataset_parts=source.dataset.parts,
        )

    def _engine_for(
        self, arguments: Mapping[str, Any], base: Found
    ) -> tuple[Engine, tuple[str, ...], tuple[str, ...]]:
        """With the reasons why it can't train the run after all, which then are those of every engine; and why those
        before it can't.
        """
        if base.fault:
            return self._engines[0], (f"the base model is {base.fault.what}; {base.fault.instead}",), ()
        refusals: list[str] = []
        passed_over: list[str] = []
        for engine in self._engines:
            # What is wrong with the base alone says more than what then doesn't fit it.
            reasons = engine.unsupported_base(base) or engine.unsupported(arguments)
            if not reasons:
                return engine, (), tuple(passed_over)
            passed_over += reasons
            refusals += (
                reasons if len(self._engines) == 1 else [f"{engine.name}: {reason}" for reason in reasons]
            )
        others = [engine for engine in ENGINES.values() if engine not in self._engines]
        able = (e.name for e in others if not (e.unsupported_base(base) or e.unsupported(arguments)))
        if name := next(able, ""):
            refusals.append(f"{name} trains it: set engine to auto or {name}")
        return self._engines[0], tuple(refusals), ()

    def _with_places(self, arguments: dict[str, Any], source: Source, place: Place) -> dict[str, Any]:
        folder = f"{self._trains}{os.sep}{place.folder_name}"  # Path is slow, for thousands
        return {
            **arguments,
            "train_data_dir": source.images_folder,
            **({"reg_data_dir": source.reg} if source.reg else {}),
            "output_dir": folder,
            "output_name": place.output_name,
            "logging_dir": f"{folder}{os.sep}logs",
        }

    def _read_source(self, name: str, reg_data_dir: str | None, with_reg: bool) -> Source:
        siblings = {folder.name: folder for folder in folders_in(self._version.folder.parent)}
        if name not in siblings:
            what = f"version of project {self._version.project!r}"
            raise UsageError(missing(what, name, list(siblings), "version create"))
        version = Version(self._version.project, name, siblings[name])
        folder = Path(reg_data_dir) if reg_data_dir else version.reg.absolute()
        has_reg = with_reg and bool(training_images(folder))
        if reg_data_dir and with_reg and not has_reg:
            raise UsageError(f"reg_data_dir {folder} holds no image in a <repeats>_<class> folder")
        return Source(
            version,
            read_dataset(version.processed, folder if has_reg else None),
            str(folder) if has_reg else "",
        )


def _check_count(values: Mapping[str, Any], steps: int) -> None:
    every = values["save_every_n_steps"]
    if every and steps // every > MOST_CHECKPOINTS:
        raise UsageError(
            f"save_every_n_steps {every} would write {steps // every:,} checkpoints; save fewer of them"
        )


def _checked_base(base_model: str) -> str:
    if not Path(base_model).exists():
        raise NoBaseModelError(
            f"the base model {base_model} is missing; set pretrained_model_name_or_path to a checkpoint file"
        )
    return base_model
