"""The queued jobs on a version's images: taking in uploads, processing, restoring a revision, regularisation images.

What a job found out stands in `result.json` of its folder when it is done.
"""

from __future__ import annotations

import os
from dataclasses import asdict
from pathlib import Path
from typing import Any

from train_tools.commands.dataset import plain
from train_tools.commands.reg import rendered
from train_tools.dataset import inbox
from train_tools.dataset.history import restore
from train_tools.dataset.intake import IntakeReport, add
from train_tools.dataset.process import process
from train_tools.dataset.progress import Progress, Report
from train_tools.dataset.reg import add_reg
from train_tools.dataset.settings import DatasetSettings
from train_tools.dataset.sources import shown
from train_tools.dataset.taking import ADDED, THERE, Item
from train_tools.execution import events
from train_tools.execution.ticket import Ticket
from train_tools.workspace.files import write_json
from train_tools.workspace.settings import preview_change
from train_tools.workspace.workspace import Version

RESULT = "result.json"
MOST_WARNINGS = 20  # of a job in its events; the result has all


def take_in(folder: Path, version: Version, ticket: Ticket) -> str:
    """Settings: `batch`, and `concept` or, for regularisation images, `reg` and `repeats`; `as_is`."""
    chosen = ticket.settings
    source = inbox.batch_folder(version, chosen["batch"])
    prefix = f"{shown(source)}{os.sep}"
    report = _telling(folder, prefix)
    as_is = chosen.get("as_is") == "true"
    if concept := chosen.get("reg", ""):
        repeats = int(chosen["repeats"]) if chosen.get("repeats") else None
        result = add_reg(version, [source], concept, repeats, report, as_is=as_is)
    else:
        result = add(version, [source], report, chosen.get("concept", ""), as_is=as_is)
    write_json(folder / RESULT, _intake_result(result, prefix))
    inbox.clear(version, chosen["batch"])
    return ""


def _intake_result(report: IntakeReport, prefix: str) -> dict[str, Any]:
    """Counts of each outcome, and those files of which there is more to say."""

    def item(one: Item) -> dict[str, str]:
        return {**asdict(one), "source": one.source.removeprefix(prefix)}

    counts = {outcome: len(report.of(outcome)) for outcome in dict.fromkeys(i.outcome for i in report.items)}
    worth = [item(one) for one in report.items if one.reason and one.outcome != THERE]
    there = [item(one) for one in report.of(THERE)]
    return {
        "counts": {"added": counts.pop(ADDED, 0), "there": counts.pop(THERE, 0), **counts},
        "items": worth,
        "there": there,
        "duplicates": [asdict(group) for group in report.duplicates],
        "decisions": [{**asdict(one), "folder": _below(one.folder)} for one in report.decisions],
        "changes": [asdict(one) for one in report.changes],
    }


def _below(folder: str) -> str:
    """As it was sent: without the batch's own folder."""
    return folder.partition("/")[2]


def make_images(folder: Path, version: Version, _ticket: Ticket) -> str:
    """By the settings as they are when the job starts."""
    settings = preview_change(version, "dataset", DatasetSettings, {})
    result = process(version, settings, _telling(folder))
    for problem in (*result.failed, *result.skipped)[:MOST_WARNINGS]:
        events.say(folder, "warning", text=f"{problem.name}: {problem.reason}")
    write_json(folder / RESULT, plain(asdict(result)))
    return ""


def restore_revision(folder: Path, version: Version, ticket: Ticket) -> str:
    """Settings: `revision`, its number or its folder's name."""
    result = restore(version, ticket.settings["revision"], _telling(folder))
    write_json(folder / RESULT, plain(asdict(result)))
    return ""


def regularise(folder: Path, version: Version, ticket: Ticket) -> str:
    """Settings: `concept` ("" is all), and those of the preview for the renderer."""
    changes = {name: value for name, value in ticket.settings.items() if name != "concept"}

    def tell(done: int, total: int) -> None:
        events.say(folder, "progress", done=done, total=total, text="")

    result = rendered(version, changes, ticket.settings.get("concept", ""), tell)
    write_json(folder / RESULT, plain(asdict(result)))
    return ""


def _telling(folder: Path, prefix: str = "") -> Report:
    def report(progress: Progress) -> None:
        name = progress.name.removeprefix(prefix)
        text = f"{name}: {progress.text}"
        events.say(folder, "progress", done=progress.done, total=progress.total, text=text, item=name)

    return report
