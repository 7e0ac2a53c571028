"""Trains a plan: one engine process for each pack, one pack after another."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from train_tools.engines.interface import Engine
from train_tools.engines.registry import engine_named
from train_tools.errors import TrainToolsError, UsageError
from train_tools.execution import run_record
from train_tools.execution.supervise import last_lines, supervise
from train_tools.execution.verify import problems
from train_tools.planning.expand import PlannedRun
from train_tools.planning.measured import add_measurement, kind_of, measured_file
from train_tools.planning.plan import Plan
from train_tools.workspace.run_folder import RunRecord
from train_tools.workspace.workspace import Version

Report = Callable[[PlannedRun, Mapping[str, Any]], None]


@dataclasses.dataclass(frozen=True)
class RunResult:
    """How a run ended: `state` is finished, failed or cancelled; `checkpoints` are those that exist."""

    name: str
    run_id: str
    folder: Path
    state: str
    steps: int
    checkpoints: tuple[Path, ...]
    seconds: float
    error: str | None


@dataclasses.dataclass
class _Attempt:
    """A run while it is trained."""

    run: PlannedRun
    folder: Path
    record: RunRecord
    says_finished: bool = False
    error: str | None = None
    first_step: tuple[int, float] | None = None  # step, time
    last_step: tuple[int, float] | None = None

    def take(self, event: Mapping[str, Any]) -> None:
        if event["event"] == "finished":
            self.says_finished = True
        elif event["event"] == "failed":
            self.error = str(event.get("error", "the engine gave no reason"))
        elif event["event"] == "step" and isinstance(event.get("step"), int):
            self.last_step = (event["step"], float(event.get("time", time.time())))
            self.first_step = self.first_step or self.last_step

    @property
    def seconds_per_step(self) -> float | None:
        if self.first_step is None or self.last_step is None or self.last_step[0] == self.first_step[0]:
            return None
        return (self.last_step[1] - self.first_step[1]) / (self.last_step[0] - self.first_step[0])


def refuse_impossible(plan: Plan) -> None:
    """Raises UsageError where the plan holds a run that its engine can't train, or that would fail."""
    refused = [run for run in plan.runs if run.reasons]
    if refused:
        raise UsageError(
            f"{len(refused)} of {len(plan.runs)} runs can't be trained by the {refused[0].engine} engine; "
            f"{refused[0].name}: {'; '.join(refused[0].reasons)}"
        )
    errors = [finding.sentence for finding in plan.findings if finding.severity == "error"]
    if errors and plan.packs:
        raise UsageError(f"these settings would fail: {'; '.join(errors)}")


def train(version: Version, plan: Plan, report: Report) -> list[RunResult]:
    """Trains all runs of the plan's packs and returns how each ended, in the plan's order.

    `report(run, event)` hears every event of every run. A run that fails stops no other. On
    KeyboardInterrupt the engine is ended, what wasn't finished is recorded as cancelled, and it is
    raised again. Raises UsageError before anything starts where a run can't be trained.
    """
    refuse_impossible(plan)
    # All are recorded at once, so that a look at the folders shows what still waits.
    packs = [[_prepared(version, run) for run in pack] for pack in plan.packs]
    results: dict[str, RunResult] = {}
    try:
        for pack in packs:
            for result in _train_pack(version, pack, report):
                results[result.run_id] = result
    except KeyboardInterrupt:
        for attempt in (a for pack in packs for a in pack if a.run.run_id not in results):
            is_done = attempt.says_finished and not _faults(attempt)
            _end(attempt, "finished" if is_done else "cancelled", None)
        raise
    return [results[run.run_id] for run in plan.runs if run.run_id in results]


def _prepared(version: Version, run: PlannedRun) -> _Attempt:
    folder = version.trains / run.name
    return _Attempt(run, folder, run_record.prepare(folder, run))


def _train_pack(version: Version, pack: list[_Attempt], report: Report) -> list[RunResult]:
    engine = engine_named(pack[0].run.engine)

    def started(pid: int) -> None:
        for attempt in pack:
            attempt.record = run_record.start(attempt.folder, attempt.record, pid)

    def heard(index: int, event: dict[str, Any]) -> None:
        pack[index].take(event)
        report(pack[index].run, event)

    try:
        code = supervise(engine, [attempt.folder for attempt in pack], started, heard)
    except TrainToolsError as error:
        return [_end(attempt, "failed", str(error)) for attempt in pack]
    results = [_judge(attempt, code) for attempt in pack]
    if any(result.state == "finished" for result in results):
        _measure(version, engine, pack)
    return results


def _judge(attempt: _Attempt, exit_code: int) -> RunResult:
    """The files decide; the engine's words explain."""
    if attempt.error is not None:
        return _end(attempt, "failed", attempt.error)
    if not attempt.says_finished:
        said = last_lines(attempt.folder)
        error = f"the engine ended with code {exit_code} before the run was finished"
        return _end(attempt, "failed", f"{error}; its last lines: {said}" if said else error)
    faults = _faults(attempt)
    return _end(attempt, "failed" if faults else "finished", "; ".join(faults) or None)


def _faults(attempt: _Attempt) -> list[str]:
    return problems(attempt.folder, attempt.run.checkpoints, attempt.run.steps)


def _end(attempt: _Attempt, state: str, error: str | None) -> RunResult:
    record = run_record.end(attempt.folder, attempt.record, state, error)
    files = tuple(path for name in attempt.run.checkpoints if (path := attempt.folder / name).is_file())
    seconds = record.ended - record.started if record.ended and record.started else 0.0
    return RunResult(
        attempt.run.name, attempt.run.run_id, attempt.folder, state, attempt.run.steps, files, seconds, error
    )


def _measure(version: Version, engine: Engine, pack: list[_Attempt]) -> None:
    """Keeps the time of a step for the estimates of later plans."""
    times = [seconds for attempt in pack if (seconds := attempt.seconds_per_step) is not None]
    if times:
        kind = kind_of(engine.name, pack[0].run.arguments)
        firsts = [a.first_step[1] - a.record.started for a in pack if a.first_step and a.record.started]
        add_measurement(
            measured_file(version), kind, len(pack), min(times), max(0.0, min(firsts, default=0.0))
        )
