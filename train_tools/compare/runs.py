"""The runs of a version as a list, what two of them were told differently, and what may be saved of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from train_tools.arguments.current import current
from train_tools.compare.board import Board, read_board, value_text
from train_tools.compare.checkpoints import Run
from train_tools.compare.marks import CHECKPOINT, STAR, read_marks
from train_tools.errors import UsageError
from train_tools.execution.runs import list_runs
from train_tools.planning.setting_text import one_text
from train_tools.preview.runs import NOT_AN_AXIS
from train_tools.workspace.run_folder import read_record
from train_tools.workspace.workspace import Version, folders_in

SHEETS = "sheet-*.png", "sheet-*.webp"
DIGITS = 8  # of a fingerprint


def run_list(version: Version) -> list[dict[str, Any]]:
    """All runs, the newest first, with what there is of each."""
    board, marks = read_board(version), read_marks(version)
    stars = Counter(
        c.run for c in board.checkpoints if (m := marks.get((CHECKPOINT, c.id))) and m.mark == STAR
    )
    pictures = Counter(board.checkpoints[owner].run for owner in board.owner)
    has_settings = {run.name for run in board.runs if run.arguments}
    rows = [
        {
            "name": run.name,
            "label": board.run_labels.get(run.name, run.name),
            "state": run.state,
            "engine": run.engine,
            "step": run.step,
            "steps": run.steps,
            "loss": run.loss,
            "started": run.started,
            "ended": run.ended,
            "error": run.error,
            "checkpoints": len(run.checkpoints),
            "bytes": sum(path.stat().st_size for path in run.checkpoints if path.is_file()),
            "pictures": pictures[run.name],
            "stars": stars[run.name],
            "has_settings": run.name in has_settings,
        }
        for run in list_runs(version)
    ]
    return sorted(rows, key=lambda row: (-(row["started"] or 0.0), row["name"]))


def runs_named(board: Board, names: Sequence[str]) -> list[Run]:
    """Raises UsageError where one isn't there, or nothing is known of its settings."""
    known = {run.name: run for run in board.runs}
    if not names:
        raise UsageError("choose a run")
    for name in names:
        if name not in known:
            raise UsageError(f"there is no run {name!r}; there are: {', '.join(known) or 'none yet'}")
        if not known[name].arguments:
            raise UsageError(f"nothing is known of the settings of {name!r}, as it has no run.toml")
    return [known[name] for name in dict.fromkeys(names)]


def difference(version: Version, names: Sequence[str]) -> dict[str, Any]:
    """What the runs were told, each argument with a text for each run; those that differ come first.

    `data` stands for images and captions: equal where the runs saw the same.
    """
    board = read_board(version)
    runs = runs_named(board, names)
    rows = current().arguments
    told = {name for run in runs for name in run.arguments} - NOT_AN_AXIS
    arguments = [
        _row(name, [_text(run, name) for run in runs])
        for name in sorted(told, key=lambda name: list(rows).index(name) if name in rows else len(rows))
        if name not in rows or not rows[name].chosen_by_us
    ]
    records = [read_record(version.trains / run.name) for run in runs]
    facts = [
        ("data", [record.dataset_fingerprint[:DIGITS] if record else "" for record in records]),
        ("engine", [record.engine if record else "" for record in records]),
        ("steps", [str(record.steps) if record else "" for record in records]),
    ]
    return {
        "runs": [{"name": run.name, "label": board.run_labels[run.name]} for run in runs],
        "facts": [_row(name, values) for name, values in facts],
        "arguments": sorted(arguments, key=lambda row: not row["differs"]),
    }


def _row(name: str, values: Sequence[str]) -> dict[str, Any]:
    return {"name": name, "values": values, "differs": len(set(values)) > 1}


def _text(run: Run, name: str) -> str:
    """What the file doesn't say is sd-scripts' default."""
    row = current().arguments.get(name)
    if row is None:
        return value_text(run.arguments[name]) if name in run.arguments else ""
    value = run.arguments.get(name, row.sd_default)
    return "" if value is None else one_text(row, value)


def run_folder(version: Version, name: str) -> Path:
    """Raises UsageError where there is none."""
    found: Mapping[str, Path] = {folder.name: folder for folder in folders_in(version.trains)}
    if name not in found:
        raise UsageError(f"there is no run {name!r}; there are: {', '.join(found) or 'none yet'}")
    return found[name]


def sheets(version: Version) -> list[Path]:
    """Over all runs, the newest first."""
    folder = version.folder / "previews"
    files = [path for pattern in SHEETS for path in folder.glob(pattern) if path.is_file()]
    return sorted(files, key=lambda path: -path.stat().st_mtime)
