"""Previews that a version asks for by itself (`preview.automatic`), queued by the worker that trains its runs.

`checkpoint` queues one as each checkpoint appears, `run` as each run ends, `batch` when none of the version's runs
waits any more. A preview stands first in its lane: in the training's own lane it comes between trainings, as one GPU
holds one of them; in another lane (`preview.automatic_lane`), which has a worker of its own, it is rendered while the
training goes on. One that waits already takes further runs in, so that they never pile up.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from train_tools.errors import TrainToolsError
from train_tools.execution.lane import ensure_worker
from train_tools.execution.queue import Entry, Queue
from train_tools.execution.queue_actions import FIRST, Conditions, add_job, move
from train_tools.execution.states import WAITING
from train_tools.execution.ticket import DEFAULT_LANE, PREVIEW, TRAIN
from train_tools.workspace import settings
from train_tools.workspace.names import why_not
from train_tools.workspace.os_errors import sentence_of
from train_tools.workspace.workspace import Version

CHECKPOINT, RUN, BATCH = "checkpoint", "run", "batch"
NOTE = "queued by preview.automatic"  # by which a job is known to be ours


class AutomaticPreviews:
    """For a worker. No trouble with previews is a reason not to train: `say` is told of it."""

    def __init__(
        self,
        queue: Queue,
        say: Callable[[str], None],
        start_worker: Callable[[Path, str], bool] = ensure_worker,
    ) -> None:
        self._queue = queue
        self._say = say
        self._start_worker = start_worker

    def heard(self, entry: Entry, event: Mapping[str, Any]) -> None:
        """An event of a run that is being trained."""
        if event["event"] == "checkpoint" and entry.ticket.kind == TRAIN:
            self._safely(lambda: self._queue_for([entry], CHECKPOINT))

    def ended(self, entries: Sequence[Entry]) -> None:
        """Runs that have finished."""
        self._safely(lambda: self._queue_for(entries, RUN))
        for entry in {entry.folder.parent: entry for entry in entries}.values():
            self._safely(partial(self._queue_for_batch, entry))

    def _safely(self, do: Callable[[], None]) -> None:
        try:
            do()
        except (TrainToolsError, OSError, sqlite3.Error) as error:
            self._say(f"no preview is queued: {sentence_of(error, self._queue.folder) or error}")

    def _queue_for(self, entries: Sequence[Entry], when: str) -> None:
        for entry in entries:
            wanted, lane = asked_for(entry)
            if wanted == when:
                self._add(entry, lane, entry.folder.name)

    def _queue_for_batch(self, entry: Entry) -> None:
        wanted, lane = asked_for(entry)
        if wanted != BATCH:
            return
        others = self._queue.entries(entry.ticket.lane)
        same = [e for e in others if e.ticket.kind == TRAIN and e.folder.parent == entry.folder.parent]
        if not any(e.state in (*WAITING, "running") for e in same):
            self._add(entry, lane, "")

    def _add(self, entry: Entry, lane: str, run: str) -> None:
        """`run` empty: all."""
        if not self._widened(entry, lane, run):
            version = version_of(entry)
            ticket = add_job(self._queue, version, PREVIEW, _runs([run]), Conditions(lane), note=NOTE)
            move(self._queue, ticket.id, FIRST)
        if lane != entry.ticket.lane:
            self._start_worker(self._queue.root, lane)

    def _widened(self, entry: Entry, lane: str, run: str) -> bool:
        """Whether a preview of the version that waits has taken the run in."""
        with self._queue.locked() as connection:
            for job in self._queue.read(connection, lane, open_only=True):
                is_ours = job.ticket.kind == PREVIEW and job.ticket.note == NOTE and job.waits
                if is_ours and job.folder.parents[1] == entry.folder.parents[1]:
                    names = job.ticket.settings.get("runs", "")
                    # No names: it is for all already.
                    wider = _runs([*names.split(","), _pattern(run)] if names and run else [""])
                    self._queue.change(connection, job, settings=wider)
                    return True
        return False


def asked_for(entry: Entry) -> tuple[str, str]:
    """When previews are wanted, and in which lane, by the settings as they are now."""
    section = settings.read(version_of(entry))["preview"]
    lane = str(section.get("automatic_lane") or DEFAULT_LANE)
    return str(section.get("automatic", "off")), DEFAULT_LANE if why_not(lane) else lane


def version_of(entry: Entry) -> Version:
    folder = entry.folder.parents[1]
    return Version(entry.project, entry.version, folder)


def _runs(names: Sequence[str]) -> dict[str, str]:
    """The job's setting; none where all runs are meant."""
    chosen = ",".join(dict.fromkeys(_pattern(name) for name in names if name))
    return {"runs": chosen} if chosen else {}


def _pattern(name: str) -> str:
    """A comma would part two names."""
    return name.replace(",", "?")
