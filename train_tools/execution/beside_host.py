"""What a host is told of the runs that are trained beside it."""

from __future__ import annotations

from collections.abc import Sequence

from train_tools.errors import TrainToolsError
from train_tools.execution.attempt import Attempt
from train_tools.execution.queue import Entry, Queue
from train_tools.hosts.keeper import Report


def progress_report(queue: Queue, jobs: Sequence[tuple[Entry, Attempt]]) -> Report:
    """Which of their batch the runs are, and how far; the fields of `hosts.trainings.Told`."""
    attempts = [attempt for _, attempt in jobs]
    try:
        first, last, total = _place(queue, [entry for entry, _ in jobs])
    except TrainToolsError:  # no reason not to train
        first, last, total = 1, len(jobs), len(jobs)
    return report_of(attempts, first, last, total)


def report_of(attempts: Sequence[Attempt], first: int, last: int, total: int) -> Report:
    return lambda: {"first": first, "last": last, "total": total, "percent": percent(attempts)}


def percent(attempts: Sequence[Attempt]) -> float:
    done = sum(attempt.last_step for attempt in attempts)
    steps = sum(attempt.record.steps for attempt in attempts)
    return min(100.0, 100.0 * done / steps) if steps else 0.0


def _place(queue: Queue, entries: Sequence[Entry]) -> tuple[int, int, int]:
    batch = entries[0].ticket.batch
    with queue.locked() as connection:
        every = [
            entry.id
            for entry in queue.read(connection, entries[0].ticket.lane)
            if entry.ticket.batch == batch
        ]
    places = [every.index(entry.id) + 1 for entry in entries if batch and entry.id in every]
    if not places:
        return 1, len(entries), len(entries)
    return min(places), max(places), len(every)
