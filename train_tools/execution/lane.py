"""One worker for each slot of a lane: a lock that dies with its holder, and a detached process that takes it."""

from __future__ import annotations

import contextlib
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from train_tools.environment import gpus
from train_tools.errors import UsageError
from train_tools.execution.queue import PAUSED, Queue
from train_tools.execution.supervise import environment
from train_tools.execution.ticket import DEFAULT_LANE
from train_tools.workspace.names import check_name
from train_tools.workspace.run_folder import is_alive

COMMAND = (sys.executable, "-m", "train_tools.execution.worker")
START_S = 30.0  # within which a worker has come to its lock, but on a very busy machine


def slots(root: Path, lane: str) -> list[str]:
    """The GPUs of each of the lane's slots, which do one thing each at the same time; only the usual lane has several.

    An empty text leaves the choice to torch.
    """
    if lane == DEFAULT_LANE:
        with contextlib.suppress(UsageError):  # a settings file that can't be read stops no batch
            return gpus.slots(root)
    return [""]


def gpus_of(every: Sequence[str], slot: int) -> str:
    """Of one of the lane's slots; empty where it was taken away meanwhile."""
    return every[slot] if slot < len(every) else ""


def lane_lock(root: Path, lane: str, wait: float = 0.0, slot: int = 0) -> FileLock:
    """Of one slot; `wait` is in seconds; acquiring it raises filelock.Timeout where another process holds it."""
    return FileLock(_lock_file(root, "worker", lane, slot), timeout=wait)


@contextlib.contextmanager
def training(root: Path, lane: str = DEFAULT_LANE, slot: int = 0) -> Iterator[bool]:
    """Held while something is trained in the slot, by its worker or a command; false where another process does.

    Two trainings on one GPU would both run out of memory, or crawl.
    """
    lock = FileLock(_lock_file(root, "training", lane, slot), timeout=0)
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
    """In any of its slots."""
    return any(slot_has_worker(root, lane, slot) for slot in range(len(slots(root, lane))))


def slot_has_worker(root: Path, lane: str, slot: int) -> bool:
    try:
        with lane_lock(root, lane, slot=slot):
            return False
    except Timeout:
        return True


def ensure_worker(root: Path, lane: str = DEFAULT_LANE) -> bool:
    """Starts a worker in each slot that has none; returns whether it did. It outlives this process and its terminal.

    One that is about to end looks at the queue once more after it has let go of the slot, and one that was started
    and isn't at its lock yet has still to look, so what was added before this call isn't missed.
    """
    empty = [
        slot
        for slot in range(len(slots(root, lane)))
        if not slot_has_worker(root, lane, slot) and not _is_starting(root, lane, slot)
    ]
    for slot in empty:
        _start_worker(root, lane, slot)
    return bool(empty)


def _start_worker(root: Path, lane: str, slot: int) -> None:
    detached: dict[str, Any] = {"start_new_session": True}
    if sys.platform == "win32":
        detached = {"creationflags": subprocess.CREATE_NEW_PROCESS_GROUP | subprocess.DETACHED_PROCESS}
    # The mark is there before the worker is, who takes it away.
    with _mark(root, lane, slot).open("w", encoding="ascii") as mark, log_file(root, lane).open("ab") as log:
        process = subprocess.Popen(
            [*COMMAND, "--root", str(root.absolute()), "--lane", lane, "--slot", str(slot)],
            stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT, env=environment(), **detached,
        )  # fmt: skip
        mark.write(str(process.pid))


def _is_starting(root: Path, lane: str, slot: int) -> bool:
    """Whether a worker of the slot was started a moment ago, by anybody: others would only wait for its lock."""
    mark = _mark(root, lane, slot)
    try:
        started = mark.stat().st_mtime
        number = mark.read_text(encoding="ascii")
    except OSError:
        return False
    return 0 <= time.time() - started < START_S and (not number or is_alive(int(number), None))


def is_there(root: Path, lane: str, slot: int) -> None:
    """A worker that was started has come to its lock, or another one has it."""
    with contextlib.suppress(OSError):
        _mark(root, lane, slot).unlink()


def wake(queue: Queue, lane: str = DEFAULT_LANE) -> bool:
    """Starts workers where the lane has something to do and a slot has none; returns whether it did."""
    return has_work(queue, lane) and ensure_worker(queue.root, lane)


def has_work(queue: Queue, lane: str) -> bool:
    """Something waits or was being done, and the lane isn't paused."""
    with queue.locked() as connection:
        if PAUSED in queue.flags(connection, lane):
            return False
        return any(entry.waits or entry.taken for entry in queue.read(connection, lane, open_only=True))


def log_file(root: Path, lane: str) -> Path:
    """Raises UsageError for a name that isn't one file's."""
    return root / "train_tools" / f"worker-{check_name(lane, 'lane')}.log"


def _mark(root: Path, lane: str, slot: int) -> Path:
    """Of a worker that is starting: its process."""
    return _lock_file(root, "starting", lane, slot).with_suffix("")


def _lock_file(root: Path, of: str, lane: str, slot: int) -> Path:
    folder = root / "train_tools"
    folder.mkdir(parents=True, exist_ok=True)
    # The number comes before the dash: the lane may have any name.
    return folder / f".{of}{slot or ''}-{check_name(lane, 'lane')}.lock"
