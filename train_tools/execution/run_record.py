"""Writes a run's record, and makes its folder ready for an attempt without losing an earlier one."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from train_tools.engines.interface import ASKING, STATE_FOLDER
from train_tools.errors import TrainToolsError
from train_tools.execution import ticket
from train_tools.execution.inherited import take_over
from train_tools.planning.expand import PlannedRun
from train_tools.workspace import toml
from train_tools.workspace.files import replace, write_json, write_text
from train_tools.workspace.run_folder import ACTIVE, ARGUMENTS, RECORD, RunRecord, process_start, read_record

ATTEMPTS = "attempts"
NOBODY: Mapping[str, Any] = {
    "pid": None, "process_started": None, "supervisor": None, "supervisor_started": None,
}  # fmt: skip


def write_record(folder: Path, record: RunRecord) -> RunRecord:
    """Raises TrainToolsError where the folder is gone: a record alone would be no run."""
    if not folder.is_dir():
        raise TrainToolsError(f"{folder} was deleted")
    write_json(folder / RECORD, {"schema": 1, **dataclasses.asdict(record)})
    return record


def identity_of(run: PlannedRun) -> dict[str, Any]:
    """What a record says of the run itself."""
    return {
        "run_id": run.run_id,
        "digest": run.digest,
        "engine": run.engine,
        "steps": run.steps,
        "epochs": run.epochs,
        "output_name": run.output_name,
        "dataset_fingerprint": run.dataset_fingerprint,
        "dataset_parts": dict(run.dataset_parts),
    }


def prepare(folder: Path, run: PlannedRun) -> RunRecord:
    """Makes a run's folder ready for training by this process.

    Raises TrainToolsError where another process is training this run or it waits in the queue.
    """
    refuse_active(folder)
    return fresh(folder, identity_of(run), run.arguments, **own_process())


def refuse_active(folder: Path) -> None:
    earlier = read_record(folder)
    if earlier is None or earlier.state not in ACTIVE or earlier.pid == os.getpid():
        return
    if earlier.pid is None:
        raise TrainToolsError(f"{folder.name} waits in the queue; wait for it or cancel it first")
    raise TrainToolsError(
        f"{folder.name} is being trained by process {earlier.pid}; wait for it or stop it first"
    )


def fresh(
    folder: Path, identity: Mapping[str, Any], arguments: Mapping[str, Any], **process: Any
) -> RunRecord:
    """A queued record in a folder that is as the engine needs it.

    Where the engine kept a state of this very run, it will go on from there; else what an earlier attempt left
    moves to `attempts/<n>/`.
    """
    folder.mkdir(parents=True, exist_ok=True)
    earlier = read_record(folder)
    if earlier is not None and earlier.digest == identity["digest"] and has_state(folder):
        number, created = earlier.attempt, earlier.created
    else:
        number, created = archive(folder) + 1, time.time()
        write_text(folder / ARGUMENTS, toml.dumps(dict(arguments)))
        take_over(folder, arguments)
    record = RunRecord(**identity, state="queued", attempt=number, created=created, **process)
    return write_record(folder, record)


def has_state(folder: Path) -> bool:
    return (folder / ARGUMENTS).is_file() and any((folder / STATE_FOLDER).glob("[!.]*"))


def archive(folder: Path) -> int:
    """Moves all but earlier attempts to the next `attempts/<n>/`; returns how many attempts there are."""
    attempts = folder / ATTEMPTS
    numbers = [int(path.name) for path in attempts.glob("*") if path.name.isdigit()]
    last = max(numbers, default=0)
    # The record goes first: a crash in between then leaves a folder without one, never a wrong one.
    stays = (ATTEMPTS, ticket.FILE)
    left = sorted((p for p in folder.iterdir() if p.name not in stays), key=lambda p: p.name != RECORD)
    if not left:
        return last
    target = attempts / str(last + 1)
    target.mkdir(parents=True)
    for path in left:
        replace(path, target / path.name)
    return last + 1


def start(folder: Path, record: RunRecord, pid: int) -> RunRecord:
    """Notes the engine's process, by which others see whether the run is alive, and this one, which writes its end."""
    now = dataclasses.replace(
        record,
        state="running",
        started=time.time(),
        pid=pid,
        process_started=process_start(pid),
        supervisor=os.getpid(),
        supervisor_started=process_start(os.getpid()),
    )
    return write_record(folder, now)


def wait(folder: Path, record: RunRecord, **process: Any) -> RunRecord:
    """As before it was started."""
    free = {**NOBODY, **process}
    return write_record(folder, dataclasses.replace(record, state="queued", started=None, **free))


def own_process() -> dict[str, Any]:
    """For a run that this very process has in hand."""
    return {"pid": os.getpid(), "process_started": process_start(os.getpid())}


def end(folder: Path, record: RunRecord, state: str, error: str | None = None) -> RunRecord:
    """What a supervisor that was killed still asked of its engine is asked no more."""
    for file in ASKING:
        with contextlib.suppress(OSError):
            (folder / file).unlink(missing_ok=True)
    now = dataclasses.replace(record, state=state, ended=time.time(), error=error, **NOBODY)
    return write_record(folder, now)
