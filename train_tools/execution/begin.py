"""Makes a queue entry ready for its engine: goes on, starts again, or finds that it was whole already."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

from train_tools.engines.interface import STATE_FOLDER
from train_tools.errors import TrainToolsError
from train_tools.execution import events
from train_tools.execution.attempt import Attempt
from train_tools.execution.queue import Entry, Queue
from train_tools.execution.run_record import fresh
from train_tools.execution.ticket import TRAIN
from train_tools.workspace import toml
from train_tools.workspace.files import write_text
from train_tools.workspace.run_folder import ARGUMENTS, RunRecord, read_arguments, read_record


def begin(queue: Queue, entry: Entry) -> Attempt | None:
    """None where there is nothing to do any more.

    Raises TrainToolsError and OSError where its folder can't be written.
    """
    folder, record, ticket = entry.folder, entry.record, entry.ticket
    if not folder.is_dir():
        return None
    if record is not None and record.started is not None and ticket.kind == TRAIN and settled(folder, record):
        return None
    if record is None or record.state != "queued" or not (folder / ARGUMENTS).is_file():
        record = fresh(folder, ticket.identity, ticket.arguments)
    if ticket.note:
        events.say(folder, "warning", text=ticket.note)
        with queue.locked() as connection:
            queue.change(connection, entry, note="")
    return Attempt(folder, record, _placed(folder))


def state_of(folder: Path) -> str:
    """Of an entry for which there was nothing to do; empty where its folder is gone."""
    record = read_record(folder)
    return record.state if record is not None else ""


def _placed(folder: Path) -> dict[str, Any]:
    """What run.toml says, with its paths as they are today: the version may have another name since it was queued."""
    arguments = read_arguments(folder)
    if arguments != toml.load(folder / ARGUMENTS):
        write_text(folder / ARGUMENTS, toml.dumps(arguments))
    return arguments


def settled(folder: Path, record: RunRecord) -> bool:
    """Whether a run was whole already: it may have finished in the moment when its worker was killed."""
    try:
        attempt = Attempt(folder, record, toml.load(folder / ARGUMENTS))
        for event in events.last_events(folder):
            if event["event"] == "finished":
                attempt.take(event)
        if attempt.faults():
            return False
    except (TrainToolsError, OSError):
        return False
    shutil.rmtree(folder / STATE_FOLDER, ignore_errors=True)
    if not any(event["event"] == "finished" for event in events.last_events(folder)):
        events.say(folder, "finished")
    attempt.end("finished")
    return True
