"""Trains a plan: one engine process for each pack, one pack after another."""

from __future__ import annotations

import contextlib
import dataclasses
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from train_tools.engines.registry import engine_named
from train_tools.errors import TrainToolsError, UsageError, is_out_of_memory
from train_tools.execution import run_record
from train_tools.execution.attempt import Attempt
from train_tools.execution.beside_host import report_of
from train_tools.execution.conclusion import conclude_early
from train_tools.execution.lane import training
from train_tools.execution.measuring import measure
from train_tools.execution.states import ENDED
from train_tools.execution.supervise import ENDING_EVENTS, PAUSE, supervise
from train_tools.hosts.keeper import Keeper
from train_tools.planning.expand import PlannedRun
from train_tools.planning.findings import Finding
from train_tools.planning.measured import measured_file
from train_tools.planning.plan import Plan
from train_tools.workspace.workspace import Version

PICTURES_S = 0.5  # between looks whether the webui has drawn its pictures

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


def refuse_impossible(plan: Plan) -> None:
    """Raises UsageError where the plan holds a run that its engine can't train, or that would fail."""
    refused = [run for run in plan.runs if run.reasons]
    if refused:
        raise UsageError(
            f"{len(refused)} of {len(plan.runs)} runs can't be trained; {refused[0].name}: "
            f"{'; '.join(refused[0].reasons)}"
        )
    _refuse(plan.findings, is_needed=bool(plan.packs) or any(run.is_refused for run in plan.runs))


def refuse_hopeless(plan: Plan) -> None:
    """As `refuse_impossible`, but of a plan of which a part can be trained."""
    if not plan.packs:
        refuse_impossible(plan)
    of_all = [finding for finding in plan.findings if not finding.runs or finding.runs >= len(plan.runs)]
    _refuse(of_all, is_needed=bool(plan.packs))


def _refuse(findings: Sequence[Finding], is_needed: bool) -> None:
    errors = [f"{f.sentence}: {f.fix}" for f in findings if f.severity == "error"]
    if errors and is_needed:
        raise UsageError(f"these settings would fail: {'; '.join(errors)}")


def train(version: Version, plan: Plan, report: Report) -> list[RunResult]:
    """Trains all runs of the plan's packs and returns how each ended, in the plan's order.

    `report(run, event)` hears every event of every run. A run that fails stops no other. On
    KeyboardInterrupt the engine is ended, what wasn't finished is recorded as cancelled, and it is
    raised again. Raises UsageError before anything starts where a run can't be trained, or something else is.
    """
    refuse_impossible(plan)
    if not plan.packs:
        return []
    with training(version.root) as is_free:
        if not is_free:
            raise UsageError(
                "something is being trained already; add these runs to the queue with `queue add`, or wait until "
                "it is through (`queue list`)"
            )
        return _train(version, plan, report)


def _train(version: Version, plan: Plan, report: Report) -> list[RunResult]:
    # All are recorded at once, so that a look at the folders shows what still waits.
    packs = [[_prepared(version, run) for run in pack] for pack in plan.packs]
    results: dict[str, RunResult] = {}

    def warn(text: str) -> None:
        report(plan.packs[0][0], {"event": "warning", "text": text})

    try:
        with Keeper(version.root, warn) as keeper:
            for runs, pack in zip(plan.packs, packs, strict=True):
                told = report_of(pack, len(results) + 1, len(results) + len(pack), sum(map(len, packs)))
                for result in _train_pack(version, runs, pack, report, keeper, told):
                    results[result.run_id] = result
    except KeyboardInterrupt:
        for attempt in (a for pack in packs for a in pack if a.record.run_id not in results):
            if attempt.record.state in ENDED:
                continue
            is_done = attempt.says_finished and not attempt.faults()
            attempt.end("finished" if is_done else "cancelled")
        raise
    return [results[run.run_id] for run in plan.runs if run.run_id in results]


def _prepared(version: Version, run: PlannedRun) -> Attempt:
    folder = version.trains / run.name
    return Attempt(folder, run_record.prepare(folder, run), run.arguments)


def _train_pack(
    version: Version,
    runs: Sequence[PlannedRun],
    pack: list[Attempt],
    report: Report,
    keeper: Keeper,
    told: Callable[[], Mapping[str, Any]],
) -> list[RunResult]:
    engine = engine_named(runs[0].engine)
    asked = False  # by the webui, to pause
    left = list(range(len(pack)))  # of the pack, what still trains
    waiting = [left]

    def started(pid: int) -> None:
        for index in left:
            pack[index].start(pid)

    def heard(index: int, event: dict[str, Any]) -> None:
        attempt = pack[left[index]]
        attempt.take(event)
        if event["event"] in ENDING_EVENTS and not attempt.says_paused:
            with contextlib.suppress(
                TrainToolsError, OSError
            ):  # it is tried again when the process has ended
                conclude_early(attempt, "")
        report(runs[left[index]], event)

    def wish() -> str:
        nonlocal asked
        asked |= keeper.wishes_pause
        return PAUSE if asked else ""

    code = 0
    try:
        while waiting:
            asked, left = False, waiting.pop(0)
            with keeper.training(told):
                code = supervise(engine, [pack[index].folder for index in left], started, heard, wish)
            measure(measured_file(version), engine, [pack[index] for index in left])
            again = _again({index: pack[index] for index in left}, asked)
            if asked and again:
                _wait_for_pictures([pack[index] for index in again[0]], keeper)
            for index in (index for some in again for index in some):
                pack[index] = _once_more(version, runs[index], pack[index])
            waiting = again + waiting
    except TrainToolsError as error:
        return [_result(attempt, told=str(error)) for attempt in pack]
    return [_result(attempt, code) for attempt in pack]


def _again(left: Mapping[int, Attempt], asked: bool) -> list[list[int]]:
    """Those to go on with, in packs: what was paused or didn't fit, and half as many where memory ran out."""
    given_back = [index for index, attempt in left.items() if attempt.fits]
    if asked:
        paused = [index for index, attempt in left.items() if attempt.is_open]
        return [paused] if paused else []
    hungry = [
        i for i, attempt in left.items() if attempt.error is not None and is_out_of_memory(attempt.error)
    ]
    half = (len(left) - len(given_back)) // 2
    halves = [hungry[start : start + half] for start in range(0, len(hungry), half)] if half else []
    return [*halves, *([given_back] if given_back else [])]


def _wait_for_pictures(attempts: Sequence[Attempt], keeper: Keeper) -> None:
    """Until the webui, for whose pictures the runs were paused, gives the GPU back."""
    for attempt in attempts:
        attempt.end("interrupted")
    while keeper.wishes_pause:
        time.sleep(PICTURES_S)


def _once_more(version: Version, run: PlannedRun, attempt: Attempt) -> Attempt:
    if attempt.fits:  # it hasn't begun
        return Attempt(attempt.folder, attempt.wait(**run_record.own_process()), attempt.arguments)
    attempt.end("interrupted")
    return _prepared(version, run)


def _result(attempt: Attempt, code: int = 0, told: str = "") -> RunResult:
    """Recorded now, where it wasn't when the run ended; `told` is why it failed, else the files say it."""
    record = attempt.record
    if record.state not in ENDED:
        error = told or attempt.verdict(code)
        record = attempt.end("failed" if error else "finished", error)
    files = tuple(path for name in attempt.checkpoints if (path := attempt.folder / name).is_file())
    seconds = record.ended - record.started if record.ended and record.started else 0.0
    return RunResult(
        attempt.folder.name, record.run_id, attempt.folder, record.state, record.steps, files, seconds,
        record.error,
    )  # fmt: skip
