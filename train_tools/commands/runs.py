"""`runs`: the version's runs with their state and checkpoints, as their folders say."""

from __future__ import annotations

import argparse
from typing import Any

from train_tools.commands.options import add_common, add_version
from train_tools.commands.output import Output, table
from train_tools.execution.runs import RunView, list_runs
from train_tools.workspace.workspace import Workspace

HELP = "Lists the runs of a version."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_version(parser)
    add_common(parser)


def run(arguments: argparse.Namespace, out: Output) -> int:
    version = Workspace(arguments.root).version(arguments.project, arguments.version)
    runs = list_runs(version)
    out.document([_document(view) for view in runs])
    if not runs:
        out.say(
            f"{arguments.project} {arguments.version} has no runs yet; `plan` shows what `train` would do"
        )
        return 0
    rows = [["run", "state", "step", "loss", "checkpoints"], *map(_row, runs)]
    out.say(table(rows, right=frozenset({2, 3, 4})))
    for view in runs:
        if view.error:
            out.say(f"{view.name}: {view.error}")
    return 0


def _row(view: RunView) -> list[str]:
    step = f"{view.step}/{view.steps}" if view.steps else "-"
    loss = f"{view.loss:.4f}" if view.loss is not None else "-"
    return [view.name, view.state, step, loss, str(len(view.checkpoints))]


def _document(view: RunView) -> dict[str, Any]:
    return {
        "name": view.name,
        "folder": str(view.folder),
        "state": view.state,
        "run_id": view.run_id,
        "engine": view.engine,
        "attempt": view.attempt,
        "step": view.step,
        "steps": view.steps,
        "loss": view.loss,
        "started": view.started,
        "ended": view.ended,
        "error": view.error,
        "checkpoints": [str(path) for path in view.checkpoints],
    }
