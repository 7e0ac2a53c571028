"""The plan: every run that the settings mean, with its name, cost and state, before anything starts."""

from __future__ import annotations

import dataclasses
import functools
import heapq
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from train_tools.arguments.current import argument_named, current
from train_tools.arguments.options import OPTIONS, RULES
from train_tools.arguments.values import parse_values
from train_tools.engines.registry import engine_named, engines_named
from train_tools.environment.sd_scripts_asked import known_elsewhere
from train_tools.errors import UsageError
from train_tools.planning.expand import Expansion, PlannedRun
from train_tools.planning.findings import Finding, Findings
from train_tools.planning.grid import MOST_RUNS, make_grid
from train_tools.planning.measured import measured_file, read_measured
from train_tools.planning.rules import parse_exclusion, parse_override
from train_tools.planning.timing import Clock
from train_tools.planning.together import Packing, Together, share
from train_tools.workspace import settings
from train_tools.workspace.workspace import Version

FEWEST_TOGETHER, USUAL_PACK = 2, 8  # runs
WORTH_SAYING = 1.2  # times as long
LOOKED_AT = 16  # groups of runs that can't share a pack
Arguments = Mapping[str, Any]
AGAIN = "again"  # the state of a finished run that is to be trained once more


@dataclasses.dataclass(frozen=True)
class PackFacts:
    """Of one pack: how many at once were chosen and why, and the GPU memory that it takes.

    `available` bytes and the day were measured on this machine; 0 and "": the memory is an estimate.
    """

    chosen: Together
    memory_bytes: int
    available: int = 0
    measured_on: str = ""


@dataclasses.dataclass(frozen=True)
class Plan:
    """`packs` hold the runs that are to be trained, each pack at once, `facts` what is said of each; `axes` the values
    that vary. `at_once` packs are trained at the same time, each on GPUs of its own.
    """

    runs: tuple[PlannedRun, ...]
    axes: Mapping[str, tuple[Any, ...]]
    findings: tuple[Finding, ...]
    packs: tuple[tuple[PlannedRun, ...], ...]
    facts: tuple[PackFacts, ...]
    at_once: int = 1

    @property
    def seconds(self) -> float:
        """Until all packs are trained: each begins where GPUs come free first."""
        ends = [0.0] * self.at_once
        for pack in self.packs:
            heapq.heapreplace(ends, ends[0] + sum(run.seconds for run in pack))
        return max(ends)

    @functools.cached_property
    def pack_of(self) -> Mapping[str, int]:
        """By run id the place of its pack in `packs`."""
        return {run.run_id: place for place, pack in enumerate(self.packs) for run in pack}

    @property
    def memory_bytes(self) -> int:
        """Of the largest pack."""
        return max((facts.memory_bytes for facts in self.facts), default=0)

    @property
    def is_memory_measured(self) -> bool:
        return all(facts.measured_on for facts in self.facts if facts.memory_bytes == self.memory_bytes)

    @property
    def runs_to_train(self) -> list[PlannedRun]:
        return [run for pack in self.packs for run in pack]


def make_plan(
    version: Version,
    overrides: Mapping[str, Any],
    engine_name: str = "",
    *,
    again: bool = False,
    most_runs: int = MOST_RUNS,
    at_once: int = 1,
) -> Plan:
    """The plan for the version's settings with `overrides` over them; an empty text means the default.

    `engine_name` wins over the setting `engine`. `again` plans finished runs anew; what they made is
    kept with the earlier attempts. `at_once` packs will be trained at the same time, and are made for that.
    Writes nothing.

    Raises UsageError for wrong settings, more than `most_runs`, and no dataset or base model.
    """
    findings = Findings()
    given, options = _settings(version, overrides, findings)
    rules = [parse_override(text) for text in options["overrides"]]
    exclusions = [parse_exclusion(text) for text in options["exclude"]]
    grid = make_grid(_with_seeds(given, options["seeds"]), options["links"], most_runs)
    for text in grid.warnings:
        findings.say("same-value", text)
    engines = engines_named(engine_name or options["engine"])
    expansion = Expansion(version, engines, findings, options["family"].removeprefix("auto"))
    runs = expansion.runs(grid, rules, exclusions)
    if again:
        runs = [dataclasses.replace(r, state=AGAIN) if r.state == "finished" else r for r in runs]
    measured = read_measured(measured_file(version))
    clock = Clock(measured, expansion.shape)
    packing = Packing(measured, expansion.shape, clock, str(options["pack_size"]))
    packs, chosen = _packs(runs, packing, at_once)
    timed: dict[str, float] = {}
    for pack in packs:
        shares = clock.shares(pack[0].engine, [(run.arguments, run.steps) for run in pack])
        timed |= {run.run_id: seconds for run, seconds in zip(pack, shares, strict=True)}
    if clock.is_guessing:
        findings.say("time-guessed", "times are guessed from the base model's size")
    runs = [dataclasses.replace(run, seconds=timed.get(run.run_id, 0.0)) for run in runs]
    _say_what_packing_would_save(runs, engines[0].name, clock, findings)
    _say_what_keeps_apart(runs, findings)
    by_id = {run.run_id: run for run in runs}
    _look_at_disk(version, packs, findings)
    return Plan(
        runs=tuple(runs),
        axes=grid.axes,
        findings=findings.all(),
        packs=tuple(tuple(by_id[run.run_id] for run in pack) for pack in packs),
        facts=tuple(_facts(pack, together, packing) for pack, together in zip(packs, chosen, strict=True)),
        at_once=at_once,
    )


def _settings(
    version: Version, overrides: Mapping[str, Any], findings: Findings
) -> tuple[dict[str, Any], dict[str, Any]]:
    """What is set for arguments, and the options: one value each, or a list of rules."""
    for name in overrides:
        argument_named(name)
    written = settings.read(version)["training"]
    known = current().known
    saved = {name: value for name, value in written.items() if name in known}
    file = version.settings_file.name
    for name in (name for name in written if name not in known):
        if known_elsewhere(name):
            findings.say(
                "lacking-setting", f"{file} sets {name}, which the installed sd-scripts doesn't know"
            )
        else:
            findings.say("unknown-setting", f"{file} sets {name}, which is no training argument")
    together = {name: value for name, value in {**saved, **overrides}.items() if value != ""}
    options: dict[str, Any] = {}
    for option in OPTIONS:
        given = together.pop(option.name, option.default)
        values = parse_values(option, given) if given != "" else []
        if option.name not in RULES and len(values) != 1:
            raise UsageError(f"{option.name} takes one value, not {len(values)}")
        options[option.name] = values if option.name in RULES else values[0]
    return together, options


def _with_seeds(given: dict[str, Any], count: int) -> dict[str, Any]:
    """`seed` as an axis of `count` values, counted up from the one that is set."""
    if count == 1:
        return given
    seeds = parse_values(argument_named("seed"), given.get("seed", argument_named("seed").default))
    if len(seeds) > 1:
        raise UsageError(
            f"seeds = {count} counts up from one seed, but seed holds {len(seeds)}; set one of them"
        )
    return {**given, "seed": [seeds[0] + number for number in range(count)]}


def _packs(
    runs: list[PlannedRun], packing: Packing, at_once: int
) -> tuple[list[list[PlannedRun]], list[Together]]:
    """Runs to train, in packs of those that may share one, in the order of their first run; and how many may."""
    groups: dict[tuple[str, str], list[PlannedRun]] = {}
    for run in runs:
        if run.is_to_train:
            key = run.engine, engine_named(run.engine).pack_key(run.arguments)
            groups.setdefault(key, []).append(run)
    packs, chosen = [], []
    for group in groups.values():
        together = packing.choose(group[0].engine, [(run.arguments, run.steps) for run in group])
        begin, free = 0, at_once
        while begin < len(group):
            end = begin + share(len(group) - begin, together.most, free)
            packs.append(group[begin:end])
            chosen.append(together)
            begin, free = end, max(1, free - 1)
    return packs, chosen


def _facts(pack: Sequence[PlannedRun], chosen: Together, packing: Packing) -> PackFacts:
    size, found = packing.memory(pack[0].engine, [run.arguments for run in pack])
    if found is None or not found.runs:
        return PackFacts(chosen, size)
    return PackFacts(chosen, size, round(found.available), found.on)


def _say_what_packing_would_save(
    runs: Sequence[PlannedRun], first: str, clock: Clock, findings: Findings
) -> None:
    """Of runs that the first engine could train together, but for some of their values: each reason with its price."""
    apart: dict[str, list[PlannedRun]] = {}
    for run in runs:
        if run.is_to_train and run.engine != first:
            for reason in run.passed_over:
                apart.setdefault(reason, []).append(run)
    for reason, group in apart.items():
        if len(group) < FEWEST_TOGETHER:
            continue
        size = min(len(group), USUAL_PACK)
        packs = [group[start : start + size] for start in range(0, len(group), size)]
        packed = sum(sum(clock.shares(first, [(r.arguments, r.steps) for r in pack])) for pack in packs)
        times = sum(run.seconds for run in group) / packed if packed else 1.0
        if times > WORTH_SAYING:
            findings.say(
                "not-packed",
                f"{len(group)} runs are trained one after another by {group[0].engine}, which takes about {times:.1f} "
                f"times as long as together: {reason}",
            )


def _say_what_keeps_apart(runs: Sequence[PlannedRun], findings: Findings) -> None:
    """Of runs that one engine trains in several packs, as they differ in what a pack must share."""
    groups: dict[str, dict[str, Arguments]] = {}
    for run in runs:
        if run.is_to_train and engine_named(run.engine).can_let_go:
            key = engine_named(run.engine).pack_key(run.arguments)
            groups.setdefault(run.engine, {}).setdefault(key, run.arguments)
    for name, packs in groups.items():
        first, *others = list(packs.values())[:LOOKED_AT]
        key_of = engine_named(name).pack_key
        names = {name for other in others for name in _kept_apart_by(first, other, key_of)}
        if names:
            findings.say(
                "apart",
                f"these runs are trained in {len(packs)} groups, one after another: what differs in "
                f"{', '.join(sorted(names))} can't go through the base model at once",
            )


def _kept_apart_by(one: Arguments, other: Arguments, key_of: Callable[[Arguments], str]) -> Iterator[str]:
    for name in one.keys() | other.keys():
        value, instead = one.get(name), other.get(name)
        if value != instead and (
            key_of({**one, name: instead}) != key_of(one) or key_of({**other, name: value}) != key_of(other)
        ):
            yield name


def _look_at_disk(version: Version, packs: list[list[PlannedRun]], findings: Findings) -> None:
    """All checkpoints, and the states of the pack that needs most: they go when it has finished.

    An error, so that nothing is started; the plan is shown all the same.
    """
    runs = [run for pack in packs for run in pack]
    states = max((sum(run.state_bytes for run in pack) for pack in packs), default=0)
    needed = sum(run.disk_bytes for run in runs) + states
    free = shutil.disk_usage(version.folder).free
    if needed > free:
        sentence = (
            f"these {len(runs)} runs need {needed / 1e6:,.1f} MB, and {version.folder} has "
            f"{free / 1e6:,.1f} MB free"
        )
        fix = "make room, plan fewer runs, or save fewer checkpoints (save_every_n_epochs)"
        findings.add(Finding("disk-short", "error", sentence, fix, ""))
