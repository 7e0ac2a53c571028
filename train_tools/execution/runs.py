"""What a version's run folders say: every run with its state, progress and checkpoints."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from train_tools.execution.events import last_event
from train_tools.workspace.run_folder import RunRecord, read_record
from train_tools.workspace.workspace import Version, folders_in

ENDINGS = (".safetensors", ".ckpt", ".pt")
NUMBERED = re.compile(r".*-(?:step)?(\d{6,8})")
UNRECORDED = (
    "unrecorded"  # a folder of another program: its checkpoints are shown, nothing is known of its run
)


@dataclass(frozen=True)
class RunView:
    """`step` of `steps` was reached; both 0 where nothing is known. Checkpoints are in training order."""

    name: str
    folder: Path
    state: str
    run_id: str
    engine: str
    attempt: int
    step: int
    steps: int
    loss: float | None
    started: float | None
    ended: float | None
    error: str | None
    checkpoints: tuple[Path, ...]


def list_runs(version: Version) -> list[RunView]:
    """All runs, by name. A run whose process is gone without an end is `interrupted`."""
    return [_view(folder) for folder in folders_in(version.trains)]


def checkpoints_in(folder: Path) -> tuple[Path, ...]:
    """The LoRA files of a run folder in the order of training, the final one last."""
    files = [path for path in folder.iterdir() if path.suffix in ENDINGS and not path.name.startswith(".")]
    return tuple(sorted(files, key=lambda path: (_number(path), path.name)))


def _number(path: Path) -> tuple[bool, int]:
    found = NUMBERED.fullmatch(path.stem)
    return (not found, int(found[1]) if found else 0)


def _view(folder: Path) -> RunView:
    record = read_record(folder)
    files = checkpoints_in(folder)
    if record is None:
        return RunView(folder.name, folder, UNRECORDED, "", "", 0, 0, 0, None, None, None, None, files)
    step, loss = _progress(folder, record)
    return RunView(
        folder.name, folder, record.state, record.run_id, record.engine, record.attempt, step, record.steps,
        loss, record.started, record.ended, record.error, files,
    )  # fmt: skip


def progress_of(folder: Path, record: RunRecord) -> tuple[int, int]:
    """What is done of what: steps of a training, or images and cells of a job."""
    if record.state == "finished" and record.steps:
        return record.steps, record.steps
    if record.steps:
        return _progress(folder, record)[0], record.steps
    told = last_event(folder, "progress")
    return (int(told["done"]), int(told["total"])) if told else (0, 0)


def _progress(folder: Path, record: RunRecord) -> tuple[int, float | None]:
    last = last_event(folder, "step")
    if last is None:
        return (record.steps if record.state == "finished" else 0), None
    return int(last.get("step", 0)), last.get("average_loss")
