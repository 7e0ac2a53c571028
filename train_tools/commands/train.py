"""`train`: trains the plan's runs and shows how they get on."""

from __future__ import annotations

import argparse
import signal
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict
from types import FrameType
from typing import Any

from train_tools.commands.changes import add_changes, changes_of
from train_tools.commands.options import add_common, add_version, open_version
from train_tools.commands.output import Output, table
from train_tools.commands.plan import duration, show
from train_tools.engines.registry import AUTO, ENGINES
from train_tools.execution.train import RunResult, refuse_impossible, train
from train_tools.hosts.bridge_client import renderer_of
from train_tools.planning.expand import PlannedRun
from train_tools.planning.plan import Plan, make_plan
from train_tools.preview.before_training import with_pictures
from train_tools.workspace import settings

HELP = "Trains all runs that the settings mean, many at once; finished ones are not trained again."
SECONDS_BETWEEN_LINES = 5.0  # of one run


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_version(parser)
    add_changes(parser)
    parser.add_argument(
        "--engine", choices=(AUTO, *ENGINES), default="", help="what trains, instead of the setting `engine`"
    )
    parser.add_argument(
        "--again", action="store_true", help="train finished runs once more; what they made is kept"
    )
    add_common(parser)


def run(arguments: argparse.Namespace, out: Output) -> int:
    version = open_version(arguments, out)
    changes = changes_of(arguments, version, out)
    plan = make_plan(version, changes, arguments.engine, again=arguments.again)
    plan = with_pictures(version, plan, lambda: renderer_of(version.root))
    show(plan, out)
    refuse_impossible(plan)
    if changes:
        # Kept only now that the plan accepted them; an empty one takes its argument back to the default.
        settings.update(version, "training", {n: None if v == "" else v for n, v in changes.items()})
    _end_on_termination()
    results = train(version, plan, progress(plan, out.say))
    _close(plan, results, out)
    out.document(document(plan, results))
    return 1 if any(result.state != "finished" for result in results) else 0


def progress(
    plan: Plan, say: Callable[[str], None], clock: Callable[[], float] = time.monotonic
) -> Callable[[PlannedRun, Mapping[str, Any]], None]:
    """Turns events into lines; steps of one run at most every 5 seconds, its last one always."""
    numbers = {run.run_id: number for number, run in enumerate(plan.runs, start=1)}
    last_line: dict[str, float] = {}

    def report(run: PlannedRun, event: Mapping[str, Any]) -> None:
        if event["event"] == "step":
            is_last = event.get("step") == event.get("steps")
            if not is_last and clock() - last_line.get(run.run_id, float("-inf")) < SECONDS_BETWEEN_LINES:
                return
            last_line[run.run_id] = clock()
        text = event_text(event)
        if text:
            say(f"[{numbers[run.run_id]}/{len(plan.runs)}] {run.label}: {text}")

    return report


def event_text(event: Mapping[str, Any]) -> str:
    """One event in words; empty for what a person needn't see."""
    kind = event["event"]
    if kind == "step":
        return (
            f"step {event.get('step')}/{event.get('steps')}, "
            f"epoch {event.get('epoch')}/{event.get('epochs')}, "
            f"loss {event.get('loss', 0):.4f} (average {event.get('average_loss', 0):.4f})"
            + (
                f", {event['rate']:.2f} it/s, {duration(event.get('seconds_left', 0))} left"
                if event.get("rate")
                else ""
            )
        )
    words = {
        "stage": str(event.get("stage", "")),
        "checkpoint": f"saved {event.get('file')}",
        "warning": f"warning: {event.get('text')}",
        "failed": f"failed: {event.get('error')}",
        "finished": "finished",
        "resumed": f"goes on from step {event.get('step')}",
        "paused": f"paused after step {event.get('step')}",
        "progress": f"{event.get('done')}/{event.get('total')} {event.get('text', '')}".strip(),
    }
    return words.get(kind, "")


def document(plan: Plan, results: list[RunResult]) -> dict[str, Any]:
    return {
        "results": [
            {
                "name": result.name,
                "run_id": result.run_id,
                "folder": str(result.folder),
                "state": result.state,
                "steps": result.steps,
                "seconds": round(result.seconds, 1),
                "checkpoints": [str(path) for path in result.checkpoints],
                "error": result.error,
            }
            for result in results
        ],
        "not_trained": [
            {"name": run.name, "run_id": run.run_id, "state": run.state}
            for run in plan.runs
            if not run.is_to_train
        ],
        "findings": [asdict(finding) for finding in plan.findings],
    }


def _close(plan: Plan, results: list[RunResult], out: Output) -> None:
    for planned in plan.runs:
        if not planned.is_to_train:
            out.say(f"{planned.name}: {planned.state}, not trained again")
    if not results:
        out.say("nothing to train")
        return
    rows = [["run", "state", "checkpoints", "time", "folder"]]
    rows += [[r.name, r.state, str(len(r.checkpoints)), duration(r.seconds), str(r.folder)] for r in results]
    out.say("\n" + table(rows, right=frozenset({2, 3})))
    for result in results:
        if result.error:
            out.say(f"{result.name}: {result.state}: {result.error}")


def _end_on_termination() -> None:
    """A polite end of this process ends the engine too, as Ctrl-C does."""

    def interrupt(_number: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, interrupt)
