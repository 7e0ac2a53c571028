"""Writes a run's record, and makes its folder ready for an attempt without losing an earlier one."""

from __future__ import annotations

import dataclasses
import os
import time
from pathlib import Path

from train_tools.errors import TrainToolsError
from train_tools.planning.expand import PlannedRun
from train_tools.workspace import toml
from train_tools.workspace.files import replace, write_json, write_text
from train_tools.workspace.run_folder import ARGUMENTS, RECORD, RunRecord, process_start, read_record

ATTEMPTS = "attempts"


def write_record(folder: Path, record: RunRecord) -> RunRecord:
    write_json(folder / RECORD, {"schema": 1, **dataclasses.asdict(record)})
    return record


def prepare(folder: Path, run: PlannedRun) -> RunRecord:
    """Writes run.toml and a queued record; what an earlier attempt left moves to `attempts/<n>/`.

    Raises TrainToolsError where another process is training this run.
    """
    earlier = read_record(folder)
    if earlier is not None and earlier.state in ("queued", "running") and earlier.pid != os.getpid():
        raise TrainToolsError(
            f"{folder.name} is being trained by process {earlier.pid}; wait for it or stop it first"
        )
    folder.mkdir(parents=True, exist_ok=True)
    number = archive(folder) + 1
    write_text(folder / ARGUMENTS, toml.dumps(dict(run.arguments)))
    record = RunRecord(
        run_id=run.run_id,
        digest=run.digest,
        state="queued",
        engine=run.engine,
        steps=run.steps,
        output_name=run.output_name,
        dataset_fingerprint=run.dataset_fingerprint,
        attempt=number,
        created=time.time(),
        pid=os.getpid(),
        process_started=process_start(os.getpid()),
    )
    return write_record(folder, record)


def archive(folder: Path) -> int:
    """Moves all but earlier attempts to the next `attempts/<n>/`; returns how many attempts there are."""
    attempts = folder / ATTEMPTS
    numbers = [int(path.name) for path in attempts.glob("*") if path.name.isdigit()]
    last = max(numbers, default=0)
    # The record goes first: a crash in between then leaves a folder without one, never a wrong one.
    left = sorted((p for p in folder.iterdir() if p != attempts), key=lambda p: p.name != RECORD)
    if not left:
        return last
    target = attempts / str(last + 1)
    target.mkdir(parents=True)
    for path in left:
        replace(path, target / path.name)
    return last + 1


def start(folder: Path, record: RunRecord, pid: int) -> RunRecord:
    """Notes the engine's process, by which others see whether the run is alive."""
    now = dataclasses.replace(
        record, state="running", started=time.time(), pid=pid, process_started=process_start(pid)
    )
    return write_record(folder, now)


def end(folder: Path, record: RunRecord, state: str, error: str | None = None) -> RunRecord:
    now = dataclasses.replace(
        record, state=state, ended=time.time(), error=error, pid=None, process_started=None
    )
    return write_record(folder, now)
