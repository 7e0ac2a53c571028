"""One writer at a time for a version; the system lets the lock go when its holder ends, however it ends."""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from filelock import FileLock, Timeout

from train_tools.errors import TrainToolsError, UsageError
from train_tools.workspace.files import read_json, write_json
from train_tools.workspace.run_folder import active_runs
from train_tools.workspace.workspace import Version

LOCK = ".writing.lock"
HOLDER = ".writing.json"  # beside the lock, as Windows lets nobody read a locked file


class BusyError(UsageError):
    """Another process or thread writes into the version; it works once that is done."""


@dataclass
class _Hold:
    lock: FileLock
    thread: int
    depth: int = 1


# What this process holds. The system knows processes alone; threads are told apart here.
_held: dict[Path, _Hold] = {}
_held_guard = threading.Lock()


@contextlib.contextmanager
def writing(version: Version, what: str) -> Iterator[None]:
    """Holds the version for writing; `what` says to others what is being done, e.g. `processing images`.

    A service that calls another in the same thread holds it once. Raises BusyError at once where another
    process or thread (another tab of the page) writes into the version, with what is known of it, UsageError
    where the version is gone; TrainToolsError where its folder can't be written.
    """
    key = version.folder.resolve()
    _take(version, key, what)
    try:
        yield
    finally:
        _let_go(version, key)


@contextlib.contextmanager
def moving(version: Version, what: str) -> Iterator[None]:
    """For whoever renames the version's folder: nobody writes into it, and nobody trains in it.

    Raises what `writing` raises, and UsageError where a run is being trained.
    """
    if active := active_runs(version.trains):
        raise UsageError(
            f"{version.project} {version.name} has runs in training ({', '.join(active)}); "
            "wait for them or stop them, then try again"
        )
    with contextlib.ExitStack() as stack:
        stack.enter_context(writing(version, what))
        (version.folder / HOLDER).unlink(missing_ok=True)  # it would go along
        if os.name == "nt":
            # Windows renames no folder that holds an open file. That keeps a writer safe who comes now.
            stack.close()
        yield


def _take(version: Version, key: Path, what: str) -> None:
    thread = threading.get_ident()
    with _held_guard:
        hold = _held.get(key)
        if hold is not None and hold.thread == thread:
            hold.depth += 1
            return
        if hold is not None:
            raise BusyError(_refusal(version))
        _held[key] = _Hold(_locked(version), thread)
        with contextlib.suppress(OSError):  # the note is for people; the lock holds without it
            write_json(version.folder / HOLDER, _note(what))


def _let_go(version: Version, key: Path) -> None:
    with _held_guard:
        hold = _held[key]
        hold.depth -= 1
        if hold.depth == 0:
            del _held[key]
            # The note goes first: once the lock is free, it is the next holder's.
            with contextlib.suppress(OSError):
                (version.folder / HOLDER).unlink(missing_ok=True)
            hold.lock.release()


def _locked(version: Version) -> FileLock:
    gone = f"{version.project} {version.name} was renamed or deleted meanwhile; look with `version list`"
    lock = FileLock(version.folder / LOCK, timeout=0, thread_local=False)
    try:
        if not version.folder.is_dir():
            raise UsageError(gone)
        lock.acquire()
    except Timeout:
        raise BusyError(_refusal(version)) from None
    except OSError as error:
        if not version.folder.is_dir():
            raise UsageError(gone) from error
        raise
    if not (version.folder / LOCK).is_file():  # the folder was renamed between the look and the lock
        lock.release()
        raise UsageError(gone)
    return lock


def _note(what: str) -> dict[str, object]:
    return {"what": what, "process": os.getpid(), "since": datetime.now().isoformat(" ", "seconds")}


def _refusal(version: Version) -> str:
    """What the loser is told; the note may be missing in the instant before it is written."""
    try:
        note = read_json(version.folder / HOLDER)
        who = f"process {note['process']} ({note['what']}, since {note['since']})"
    except (OSError, TrainToolsError, KeyError, TypeError):
        who = "another process"
    return (
        f"{version.project} {version.name} is being written by {who}; "
        "wait until it is done or stop it, then try again"
    )
