"""One worker for each lane: a lock that dies with its holder, and a detached process that takes it."""

from __future__ import annotations

import contextlib
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from train_tools.execution.queue import PAUSED, Queue
from train_tools.execution.supervise import environment
from train_tools.execution.ticket import DEFAULT_LANE

COMMAND = (sys.executable, "-m", "train_tools.execution.worker")


def lane_lock(root: Path, lane: str, wait: float = 0.0) -> FileLock:
    """`wait` is in seconds; acquiring it raises filelock.Timeout where another process holds it."""
    folder = root / "train_tools"
    folder.mkdir(parents=True, exist_ok=True)
    return FileLock(folder / f".worker-{lane}.lock", timeout=wait)


@contextlib.contextmanager
def training(root: Path, lane: str = DEFAULT_LANE) -> Iterator[bool]:
    """Held while something is trained in the lane, by its worker or a command; false where another process does.

    Two trainings on one GPU would both run out of memory, or crawl.
    """
    folder = root / "train_tools"
    folder.mkdir(parents=True, exist_ok=True)
    lock = FileLock(folder / f".training-{lane}.lock", timeout=0)
    try:
        lock.acquire()
    except Timeout:
        yield False
        return
    try:
        yield True
    finally:
        lock.release()


def has_worker(root: Path, lane: str = DEFAULT_LANE) -> bool:
    try:
        with lane_lock(root, lane):
            return False
    except Timeout:
        return True


def ensure_worker(root: Path, lane: str = DEFAULT_LANE) -> bool:
    """Starts a worker where the lane has none; returns whether it did. It outlives this process and its terminal.

    One that is about to end looks at the queue once more after it has let go of the lane, so what was added
    before this call isn't missed.
    """
    if has_worker(root, lane):
        return False
    detached: dict[str, Any] = {"start_new_session": True}
    if sys.platform == "win32":
        detached = {"creationflags": subprocess.CREATE_NEW_PROCESS_GROUP | subprocess.DETACHED_PROCESS}
    with log_file(root, lane).open("ab") as log:
        subprocess.Popen(
            [*COMMAND, "--root", str(root.absolute()), "--lane", lane],
            stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT, env=environment(), **detached,
        )  # fmt: skip
    return True


def wake(queue: Queue, lane: str = DEFAULT_LANE) -> bool:
    """Starts a worker where the lane has something to do and no worker; returns whether it did."""
    return has_work(queue, lane) and ensure_worker(queue.root, lane)


def has_work(queue: Queue, lane: str) -> bool:
    """Something waits or was being done, and the lane isn't paused."""
    with queue.locked() as connection:
        if PAUSED in queue.flags(connection, lane):
            return False
        return any(entry.waits or entry.taken for entry in queue.read(connection, lane, open_only=True))


def log_file(root: Path, lane: str) -> Path:
    return root / "train_tools" / f"worker-{lane}.log"
