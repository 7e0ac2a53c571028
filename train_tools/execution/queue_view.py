"""The queue as a page shows it: one small document an entry, read anew only where its files have changed."""

from __future__ import annotations

import dataclasses
import threading
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping
from pathlib import Path
from typing import Any

from train_tools.execution.described import Circumstances, Document, describe, stand
from train_tools.execution.events import FILE as EVENTS
from train_tools.execution.lane import ensure_worker, gpus_of, slot_has_worker, slots
from train_tools.execution.packs import foreseen, key_of
from train_tools.execution.queue import DRAWS, PAUSED, SHUT_DOWN, STOP_AFTER, Entry, Queue, Row
from train_tools.execution.states import ENDED, FAILED, HELD, RUNNING, WAITING, Around
from train_tools.execution.ticket import DEFAULT_LANE, TRAIN
from train_tools.execution.ticket import FILE as TICKET
from train_tools.execution.varying import differing
from train_tools.workspace.run_folder import RECORD

MOST_BATCHES = 5  # that are told when they have ended
SWEEP_S = 15.0  # between two looks at the folders of what has ended, which somebody may have deleted
LOOK_AT_WORKERS_S = 1.0  # between two looks whether a lane's lock is held

Told = list[tuple[str, str]]  # arguments and values, as texts
Signature = tuple[Any, ...]
TICKET_PART = 2  # of an entry's signature: row, record, ticket, events


@dataclasses.dataclass(frozen=True)
class Lane:
    """`has_work`: something waits or is being done; `is_busy`: is being done. `draws`: a training is paused for the
    webui's pictures. `was_started`: its worker had died and was started again.
    """

    name: str
    has_worker: bool
    has_work: bool
    is_busy: bool
    paused: bool
    draws: bool
    stop_after: bool
    shut_down: bool
    was_started: bool


@dataclasses.dataclass(frozen=True)
class Look:
    """Documents by entry, in the order of training."""

    lanes: tuple[Lane, ...]
    entries: Mapping[int, Document]

    def counts(self) -> dict[str, int]:
        states = Counter(document["state"] for document in self.entries.values())
        waiting = sum(states[state] for state in (*WAITING, HELD))
        return {"running": states[RUNNING], "waiting": waiting, "failed": states[FAILED]}

    def kinds(self, state: str) -> dict[str, int]:
        """How many entries of each kind are in the state."""
        return Counter(found["kind"] for found in self.entries.values() if found["state"] == state)

    def ended_batches(self) -> list[Document]:
        """Of runs that were queued together and have all ended, the newest; what became of how many."""
        found: dict[str, list[Document]] = {}
        for document in self.entries.values():
            if document["batch"] and document["kind"] == TRAIN:
                found.setdefault(document["batch"], []).append(document)
        told = [
            {
                "batch": name,
                "project": members[0]["project"],
                "version": members[0]["version"],
                "ended": max(member["ended"] or 0.0 for member in members),
                **Counter(member["state"] for member in members),
            }
            for name, members in found.items()
            if all(member["state"] in ENDED for member in members)
        ]
        return sorted(told, key=lambda one: -one["ended"])[:MOST_BATCHES]


@dataclasses.dataclass
class _Known:
    signature: Signature
    entry: Entry
    document: Document
    key: str = ""  # of what it may be trained with


class QueueView:
    """For several threads. A lane whose worker has died is given another by looking at it."""

    def __init__(self, queue: Queue, clock: Callable[[], float] = time.monotonic) -> None:
        self.queue = queue
        self._clock = clock
        self._known: dict[int, _Known] = {}
        self._differing: dict[str, tuple[Signature | None, dict[int, Told]]] = {}
        self._workers: dict[str, tuple[float, frozenset[int], bool]] = {}
        self._swept = float("-inf")
        self._is_sweeping = True
        self._turn = threading.Lock()

    def look(self) -> Look:
        with self._turn:
            rows, flags = self.queue.overview()
            now = self._clock()
            self._is_sweeping = now - self._swept >= SWEEP_S
            self._swept = now if self._is_sweeping else self._swept
            known = {row.id: self._document(row) for row in rows}
            self._known = known
            self._tell_apart(known)
            self._foresee(known)
            names = dict.fromkeys([DEFAULT_LANE, *(row.lane for row in rows)])
            lanes = tuple(self._lane(name, known.values(), flags.get(name, set())) for name in names)
            self._stand(known, lanes)
            return Look(lanes, {number: found.document for number, found in known.items()})

    def _document(self, row: Row) -> _Known:
        folder = self.queue.folder_of(row)
        old = self._known.get(row.id)
        if old is not None and row.done and old.signature[0] == row and not self._is_sweeping:
            return old
        signature = (row, *(_stat(folder / name) for name in (RECORD, TICKET, EVENTS)))
        # Whether a process is alive stands in no file.
        if old is not None and old.signature == signature and old.document["state"] != RUNNING:
            return old
        entry = self.queue.entry_of(row)
        document = describe(entry)
        if entry.taken and len(gpus := slots(self.queue.root, row.lane)) > 1:
            document["gpus"] = gpus_of(gpus, entry.taken - 1)
        if old is not None:
            document |= {name: old.document[name] for name in ("differs", "together")}
        return _Known(signature, entry, document, key_of(entry))

    def _tell_apart(self, known: Mapping[int, _Known]) -> None:
        """What tells an entry from the others of its batch."""
        batches: dict[str, list[int]] = {}
        for number, found in known.items():
            if found.entry.ticket.batch:
                batches.setdefault(found.entry.ticket.batch, []).append(number)
        for batch, numbers in batches.items():
            members = tuple((number, known[number].signature[TICKET_PART]) for number in numbers)
            if self._differing.get(batch, (None, {}))[0] != members:
                said = differing([known[number].entry.ticket.arguments for number in numbers])
                self._differing[batch] = (members, dict(zip(numbers, said, strict=True)))
            for number in numbers:
                told = self._differing[batch][1][number]
                if known[number].document["differs"] != told:
                    known[number].document = {**known[number].document, "differs": told}
        self._differing = {batch: self._differing[batch] for batch in batches}

    def _stand(self, known: Mapping[int, _Known], lanes: Iterable[Lane]) -> None:
        """How each entry stands, by what holds for its lane now."""
        of_lane = {lane.name: lane for lane in lanes}
        now = self.queue.clock()
        for found in known.values():
            lane = of_lane[found.signature[0].lane]
            around = Around(lane.paused, lane.draws, lane.stop_after and lane.is_busy, lane.has_worker)
            has_worker = not found.entry.taken or self._is_at(found.entry, lane.name)
            found.document = stand(found.document, found.entry, Circumstances(has_worker, now, around))

    @staticmethod
    def _foresee(known: Mapping[int, _Known]) -> None:
        """Which pack a waiting training will be in, and with how many runs; None where it is trained by itself."""
        lanes: dict[str, list[_Known]] = {}
        for found in known.values():
            if found.entry.waits:
                lanes.setdefault(found.entry.ticket.lane, []).append(found)
        places: dict[int, dict[str, int]] = {}
        for waiting in lanes.values():
            places |= foreseen([(found.entry, found.key) for found in waiting])
        for number, found in known.items():
            if found.document["together"] != places.get(number):
                found.document = {**found.document, "together": places.get(number)}

    def _is_at(self, entry: Entry, lane: str) -> bool:
        """Whether the worker of the slot that has the entry is there: it may have come just now, or ended in order."""
        slot = entry.taken - 1
        if slot in self._workers[lane][1] or slot_has_worker(self.queue.root, lane, slot):
            return True
        rows, _ = self.queue.overview()
        return not any(row.id == entry.id and row.taken == entry.taken for row in rows)

    def _lane(self, name: str, known: Collection[_Known], flags: set[str]) -> Lane:
        mine = [found.entry for found in known if found.entry.ticket.lane == name]
        is_busy = any(entry.taken for entry in mine)
        has_work = is_busy or any(entry.waits for entry in mine)
        has_worker, was_started = self._worker(name, has_work and PAUSED not in flags)
        return Lane(
            name, has_worker, has_work, is_busy, PAUSED in flags, DRAWS in flags, STOP_AFTER in flags,
            SHUT_DOWN in flags, was_started,
        )  # fmt: skip

    def _worker(self, lane: str, is_needed: bool) -> tuple[bool, bool]:
        at, held, was_started = self._workers.get(lane, (float("-inf"), frozenset(), False))
        now = self._clock()
        if now - at >= LOOK_AT_WORKERS_S:
            root = self.queue.root
            held = frozenset(
                slot for slot in range(len(slots(root, lane))) if slot_has_worker(root, lane, slot)
            )
            was_started = is_needed and ensure_worker(root, lane)
            self._workers[lane] = (now, held, was_started)
        return bool(held), was_started


def _stat(path: Path) -> tuple[int, ...] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return (found.st_mtime_ns, found.st_size, found.st_ino)
