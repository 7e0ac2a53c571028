"""What becomes of a queue entry when its process has ended."""

from __future__ import annotations

from typing import Any

from train_tools.execution import transient
from train_tools.execution.attempt import Attempt
from train_tools.execution.queue import Entry, Queue
from train_tools.execution.states import CANCEL, WISHED

MAX_RESTARTS = 5  # without a step further


def conclude(
    queue: Queue,
    entry: Entry,
    attempt: Attempt,
    exit_code: int,
    request: str,
    together: int,
    *,
    was_asked: bool,
) -> bool:
    """Records how one of `together` runs ended; returns whether the lane should wait before the next try.

    Raises TrainToolsError and OSError where that can't be written.
    """
    if not attempt.folder.is_dir():
        return False
    error = attempt.verdict(exit_code)
    if error is None:
        attempt.end("finished")
        return False
    if attempt.error is None and not attempt.says_finished and (attempt.says_paused or was_asked):
        if attempt.fits and request not in WISHED:
            give_back(queue, entry, attempt)
        else:
            attempt.end(WISHED.get(request, "interrupted"))
        return False
    cause = transient.cause(attempt, error, exit_code)
    if cause == transient.WRONG:
        attempt.end("failed", error)
        return False
    if request == CANCEL:
        attempt.end("cancelled")
        return False
    changes = _milder(entry, together) if cause == transient.MEMORY else _again(entry, attempt)
    if not changes:
        attempt.end("failed", error)
        return False
    with queue.locked() as connection:
        queue.change(connection, entry, **{**changes, "note": f"{error}; {changes['note']}"})
    attempt.end("interrupted", error)
    return cause == transient.DISK


def conclude_early(attempt: Attempt, request: str) -> bool:
    """Records how a run ended while others of its process go on; False where only the process' end tells it."""
    if not attempt.folder.is_dir():
        return False
    if attempt.says_paused:
        attempt.end(WISHED.get(request, "interrupted"))
        return True
    error = attempt.verdict(0)
    if error is not None and transient.cause(attempt, error, 1) != transient.WRONG:
        return False
    attempt.end("failed" if error else "finished", error)
    return True


def give_back(queue: Queue, entry: Entry, attempt: Attempt) -> None:
    """One that didn't fit into memory beside the others waits as before, for a pack that isn't too large."""
    with queue.locked() as connection:
        queue.change(connection, entry, pack_size=min(entry.ticket.pack_size, attempt.fits))
    attempt.wait()


def _milder(entry: Entry, together: int) -> dict[str, Any]:
    """What changes in the ticket for a pack of half as many runs; empty where nothing can be milder."""
    if not entry.ticket.may_shrink or together == 1:
        return {}
    size = together // 2
    note = f"it is tried once more with at most {size} run(s) at once"
    return {"pack_size": size, "note": note}


def _again(entry: Entry, attempt: Attempt) -> dict[str, Any]:
    """What changes in the ticket for another try; empty where it was tried often enough."""
    step = attempt.last_step
    restarts = 1 if step > entry.ticket.reached else entry.ticket.restarts + 1
    if restarts > MAX_RESTARTS:
        return {}
    note = f"it is tried again ({restarts} of {MAX_RESTARTS} times without a step further)"
    return {"restarts": restarts, "reached": max(step, entry.ticket.reached), "note": note}
