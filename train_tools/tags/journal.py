"""What was changed, so that it can be undone after a restart, and finished or taken back after a crash.

In `dataset/history/edits-captions/`: a record for each change (`000007.json`: every file's text before and
after) and `state.json`, which lists the changes that stand, those undone, and the step that is under way.
A step is written down before its first file is touched. Where it is still under way when the version is next
opened, its process has died, and `settle` puts back what it had written: a change is whole or it isn't.
"""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from train_tools.dataset.originals import UnreadableCaptionError
from train_tools.dataset.progress import Progress, Report
from train_tools.dataset.revision import CAPTIONS
from train_tools.errors import TrainToolsError, UsageError
from train_tools.tags.files import put_text, read_text
from train_tools.workspace.files import plain_path, read_json, write_json
from train_tools.workspace.lock import writing
from train_tools.workspace.workspace import Version

FOLDER = f"edits{CAPTIONS}"
STATE = "state.json"
WRITERS = 8  # files at once; each waits for the disk to hold it for good
STEP = "step.json"  # the record of an undo or redo while it is under way


@dataclass(frozen=True)
class Change:
    """One caption file, relative to dataset/processed; None stands for no file."""

    name: str
    before: str | None
    after: str | None


@dataclass(frozen=True)
class Entry:
    """One change in the history; `what` says it in words, `files` counts them."""

    number: int
    what: str
    time: str
    files: int


@dataclass(frozen=True)
class State:
    """`done` changes stand, the latest last; `undone` ones can be redone, the next last.

    `pending` is the file of the record that is being applied; empty: none.
    """

    done: tuple[Entry, ...] = ()
    undone: tuple[Entry, ...] = ()
    next: int = 1
    pending: str = ""


def folder_of(version: Version) -> Path:
    return version.history / FOLDER


def read_state(version: Version) -> State:
    """Raises TrainToolsError where the file is damaged."""
    path = folder_of(version) / STATE
    if not path.is_file():
        return State()
    data = read_json(path)
    try:
        done, undone = (tuple(Entry(**entry) for entry in data[key]) for key in ("done", "undone"))
        pending = str(data["pending"])
        return State(done, undone, int(data["next"]), plain_path(pending) if pending else "")
    except (KeyError, TypeError, ValueError) as error:
        raise TrainToolsError(
            f"{path} isn't a history of captions; move the folder {path.parent} away to start a new one"
        ) from error


def write_state(version: Version, state: State) -> None:
    write_json(folder_of(version) / STATE, asdict(state))


def read_record(version: Version, name: str) -> list[Change]:
    """Raises TrainToolsError where it is gone or damaged, or names a file outside of the version."""
    path = folder_of(version) / name
    try:
        found = [Change(**change) for change in read_json(path)["captions"]]
        for change in found:  # it may have come in anybody's zip, and is written back
            plain_path(change.name)
        return found
    except (FileNotFoundError, KeyError, TypeError, ValueError) as error:
        raise TrainToolsError(
            f"{path}, the record of a change, is gone or damaged; put it back from a copy, or move the folder "
            f"{path.parent} away to start a new history"
        ) from error


def write_record(version: Version, name: str, what: str, changes: Sequence[Change]) -> None:
    data: dict[str, Any] = {"what": what, "captions": [asdict(change) for change in changes]}
    write_json(folder_of(version) / name, data)


def record_name(number: int) -> str:
    return f"{number:06d}.json"


def settle(version: Version) -> str:
    """Takes back a step that a crash cut off; says what was done, empty where there was nothing to do.

    While another process writes, the step is that process's own and is left to it.
    """
    if not read_state(version).pending:
        return ""
    with contextlib.suppress(UsageError), writing(version, "taking back an interrupted change"):
        return settle_held(version)
    return ""


def settle_held(version: Version) -> str:
    """`settle` for who holds the version."""
    state = read_state(version)
    if not state.pending:
        return ""
    changes = read_record(version, state.pending)
    put_back(version, changes)
    write_state(version, replace(state, pending=""))
    return f"a change of {len(changes)} captions had been interrupted and was taken back"


def put_back(version: Version, changes: Sequence[Change]) -> None:
    """The old text where the new one stands; what neither is, someone wrote since, and stays."""
    for change in changes:
        path = version.processed / change.name
        with contextlib.suppress(UnreadableCaptionError):
            if read_text(path) == change.after:
                put_text(path, change.before)


def perform(version: Version, changes: Sequence[Change], state: State, then: State, report: Report) -> None:
    """Writes the files of `changes` and then `then` as the state; all or none, also where `report` raises.

    The record is written already; `state` names it as pending.
    """
    write_state(version, state)
    pool = ThreadPoolExecutor(WRITERS)
    try:
        written = pool.map(lambda change: put_text(version.processed / change.name, change.after), changes)
        for done, (change, _) in enumerate(zip(changes, written, strict=True), start=1):
            report(Progress(done, len(changes), change.name, change.after or ""))
    except BaseException:
        pool.shutdown(cancel_futures=True)  # what is being written ends before it is put back
        put_back(version, changes)
        write_state(version, replace(state, pending=""))
        raise
    pool.shutdown()
    write_state(version, then)


def commit(version: Version, what: str, changes: Sequence[Change], report: Report) -> Entry:
    """A new change: recorded, applied, and the last one that can be undone. For who holds the version."""
    state = read_state(version)
    entry, then = recorded(version, state, what, changes)
    perform(version, changes, replace(state, pending=record_name(entry.number)), then, report)
    return entry


def add_done(version: Version, what: str, changes: Sequence[Change]) -> Entry:
    """Makes a change that can be undone of files that are written already. For who holds the version."""
    entry, then = recorded(version, read_state(version), what, changes)
    write_state(version, then)
    return entry


def recorded(version: Version, state: State, what: str, changes: Sequence[Change]) -> tuple[Entry, State]:
    """Writes the record; returns its entry and the state once it is done."""
    write_record(version, record_name(state.next), what, changes)
    entry = Entry(state.next, what, datetime.now().isoformat(" ", "seconds"), len(changes))
    return entry, State((*state.done, entry), (), state.next + 1)
