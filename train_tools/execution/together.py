"""The queue entries that one process trains, or the job that it does: each is recorded as soon as it has ended."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from train_tools.engines.interface import FINISH_FILE, LEAVE_FILE, Engine
from train_tools.errors import TrainToolsError
from train_tools.execution.attempt import Attempt
from train_tools.execution.begin import begin, state_of
from train_tools.execution.conclusion import conclude, conclude_early, give_back
from train_tools.execution.lane import slots
from train_tools.execution.packs import pack_of
from train_tools.execution.queue import DRAWS, PAUSED, STOP_AFTER, Entry, Queue
from train_tools.execution.states import CANCEL, ENDED, FINISH, GIVE_WAY, JOIN, WISHED
from train_tools.execution.supervise import END as END_IT
from train_tools.execution.supervise import ENDING_EVENTS, GO_ON, Asked
from train_tools.execution.supervise import PAUSE as PAUSE_IT
from train_tools.execution.ticket import TRAIN, read_ticket

Job = tuple[Entry, Attempt]
LOOK_S = 2.0  # between looks at what waits and might join


class Together:
    """`ended` hears of each entry whose end was recorded, and of its state."""

    def __init__(
        self,
        queue: Queue,
        engine: Engine,
        jobs: list[Job],
        ended: Callable[[Entry, str], None],
        slot: int = 0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`slot` is the worker's, counted from 0. Entries that join are added to `jobs`."""
        self._clock = clock
        self._slot = slot
        self._looked = clock()
        self._pid = 0
        self._began = len(jobs)
        self._invited: set[int] = set()  # those that haven't begun yet
        self._last_epochs: dict[int, int] = {}  # of those that are to be finished after one
        self._queue = queue
        self._engine = engine
        self._jobs = jobs
        self._ended = ended
        self._recorded: set[int] = set()
        self._was_asked = False
        self._is_training = jobs[0][0].ticket.kind == TRAIN

    @property
    def _open(self) -> list[int]:
        return [index for index in range(len(self._jobs)) if index not in self._recorded]

    def started(self, pid: int) -> None:
        self._pid = pid
        for _, attempt in self._jobs:
            attempt.start(pid)

    def heard(self, index: int, event: Mapping[str, Any]) -> None:
        entry, attempt = self._jobs[index]
        attempt.take(event)
        if index in self._invited:
            self._join(index, entry, attempt)
        if event["event"] in ENDING_EVENTS and index in self._open:
            # What can't be written now is tried again when the process has ended.
            with contextlib.suppress(TrainToolsError, OSError):
                self._record(index, entry, attempt)

    def _join(self, index: int, entry: Entry, attempt: Attempt) -> None:
        self._invited.discard(index)
        with contextlib.suppress(TrainToolsError, OSError):
            attempt.start(self._pid)
            with self._queue.locked() as connection:
                if self._queue.entry(connection, entry.id).request == JOIN:
                    self._queue.mark(connection, [entry.id], request="")

    def joining(self) -> Sequence[Path]:
        """The folders of all that joined or are asked to."""
        if self._clock() - self._looked >= LOOK_S and self._may_grow():
            self._looked = self._clock()
            with contextlib.suppress(TrainToolsError, OSError):
                for entry in self._take():
                    self._invite(entry)
        return [attempt.folder for _, attempt in self._jobs[self._began :]]

    def _may_grow(self) -> bool:
        return self._is_training and self._engine.can_let_go and not self._was_asked and bool(self._open)

    def _take(self) -> list[Entry]:
        """What is next in the queue, where the process has room and it fits; then it is this worker's."""
        entries = [self._jobs[index][0] for index in self._open]
        key = pack_of(entries[0])
        limit = min(entry.ticket.pack_size for entry in entries)
        chosen: list[Entry] = []
        with self._queue.locked() as connection:
            if {PAUSED, STOP_AFTER, DRAWS} & self._queue.flags(connection, entries[0].ticket.lane):
                return []
            now = self._queue.clock()
            found = list(self._queue.read(connection, entries[0].ticket.lane, open_only=True))
            busy = {entry.taken for entry in found if entry.taken}
            if len(busy) < len(slots(self._queue.root, entries[0].ticket.lane)):
                return []  # a free GPU begins at once
            for entry in found:
                if not entry.waits or (entry.not_before or now) > now:
                    continue
                limit = min(limit, entry.ticket.pack_size)
                if len(entries) + len(chosen) >= limit or pack_of(entry) != key:
                    break
                chosen.append(entry)
            self._queue.mark(connection, [e.id for e in chosen], taken=self._slot + 1, request=JOIN)
        return chosen

    def _invite(self, entry: Entry) -> None:
        attempt = None
        try:
            attempt = begin(self._queue, entry)
        finally:
            if attempt is None:  # it was whole already, or can't be written
                with self._queue.locked() as connection:
                    self._queue.mark(connection, [entry.id], taken=0, request="")
        if attempt is None:
            self._ended(entry, state_of(entry.folder))
        else:
            self._invited.add(len(self._jobs))
            self._jobs.append((entry, attempt))

    def _record(self, index: int, entry: Entry, attempt: Attempt) -> None:
        request = self._queue.requests([entry.id]).get(entry.id, "")
        is_given_back = attempt.fits > 0 and request not in WISHED
        if attempt.says_paused and not is_given_back and (self._was_asked or request not in WISHED):
            return  # all pause, and each is recorded when the process is gone
        if is_given_back:
            give_back(self._queue, entry, attempt)
        if is_given_back or conclude_early(attempt, request):
            self._recorded.add(index)
            with self._queue.locked() as connection:
                is_done = int(attempt.record.state in ENDED)
                self._queue.mark(connection, [entry.id], done=is_done, taken=0, request="")
                self._queue.stop_if_asked(connection, entry.ticket.lane)
            self._ended(entry, attempt.record.state)

    def wish(self) -> str:
        """What is to become of the process."""
        wished = self._wish()
        self._was_asked |= wished != GO_ON
        return wished

    def _wish(self) -> str:
        try:
            requests = {i: r for i, r in self._requests().items() if i not in self._invited}
            with self._queue.locked() as connection:
                flags = self._queue.flags(connection, self._jobs[0][0].ticket.lane)
        except TrainToolsError:
            return GO_ON  # no reason to stop a training
        asked = {request for request in requests.values() if request not in ("", FINISH)}
        if not requests:
            return GO_ON
        if all(request == CANCEL for request in requests.values()):
            return END_IT
        can_leave = self._engine.can_let_go and any(r not in WISHED for r in requests.values())
        if {PAUSED, DRAWS} & flags or GIVE_WAY in asked or (asked and not can_leave):
            return PAUSE_IT if self._is_training else END_IT
        return GO_ON

    def of_one(self) -> Mapping[int, Asked]:
        """The file that a run's folder gets, for what is asked of it alone."""
        if not self._engine.can_let_go or self._was_asked:
            return {}
        try:
            requests = self._requests()
        except TrainToolsError:
            return {}
        return {
            index: (FINISH_FILE, str(self._last_epoch(index))) if request == FINISH else (LEAVE_FILE, "")
            for index, request in requests.items()
            if request in (FINISH, *WISHED)
        }

    def _last_epoch(self, index: int) -> int:
        """Of a run that is to be finished: it may have been asked before its process was started, or since."""
        if index not in self._last_epochs:
            entry, _ = self._jobs[index]
            self._last_epochs[index] = (read_ticket(entry.folder) or entry.ticket).finish_after
        return self._last_epochs[index]

    def _requests(self) -> dict[int, str]:
        """By the job's number."""
        entries = {index: self._jobs[index][0] for index in self._open}
        found = self._queue.requests([entry.id for entry in entries.values()])
        return {
            index: found.get(entry.id, "") or (FINISH if entry.ticket.finish_after else "")
            for index, entry in entries.items()
        }

    def interrupt(self) -> None:
        """The process was ended, as this one is to end."""
        for index in set(self._open) - self._invited:
            with contextlib.suppress(TrainToolsError, OSError):
                self._jobs[index][1].end("interrupted")

    def conclude(self, code: int) -> bool:
        """When the process has ended; returns whether the lane should wait before the next try."""
        troubled = False
        requests = self._requests()
        for index in self._invited:  # the others ended before
            self._give_back(index, requests[index])
        left = self._open
        for index in left:
            entry, attempt = self._jobs[index]
            troubled |= conclude(
                self._queue, entry, attempt, code, requests[index], len(left), was_asked=self._was_asked
            )
        for index in left:
            entry, attempt = self._jobs[index]
            self._ended(entry, attempt.record.state)
        return troubled

    def _give_back(self, index: int, request: str) -> None:
        self._recorded.add(index)
        if request in WISHED:
            with contextlib.suppress(TrainToolsError, OSError):
                self._jobs[index][1].end(WISHED[request])
