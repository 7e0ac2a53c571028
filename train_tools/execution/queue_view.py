"""The queue as a page shows it: one small document an entry, read anew only where its files have changed."""

from __future__ import annotations

import dataclasses
import threading
import time
from collections import Counter
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Any

from train_tools.execution.events import FILE as EVENTS
from train_tools.execution.events import last_events
from train_tools.execution.lane import ensure_worker, gpus_of, has_worker, slots
from train_tools.execution.packs import foreseen, key_of
from train_tools.execution.queue import DRAWS, ENDED, JOIN, PAUSED, SHUT_DOWN, STOP_AFTER, Entry, Queue, Row
from train_tools.execution.queue_actions import can_finish
from train_tools.execution.ticket import DEFAULT_LANE, TRAIN
from train_tools.execution.ticket import FILE as TICKET
from train_tools.execution.varying import labels
from train_tools.workspace.run_folder import RECORD

TAIL_BYTES = 16_384  # of events.jsonl: enough for the latest step or progress
SWEEP_S = 15.0  # between two looks at the folders of what has ended, which somebody may have deleted
LOOK_AT_WORKERS_S = 1.0  # between two looks whether a lane's lock is held

Document = dict[str, Any]
Signature = tuple[Any, ...]
TICKET_PART = 2  # of an entry's signature: row, record, ticket, events


@dataclasses.dataclass(frozen=True)
class Lane:
    """`has_work`: something waits or is being done. `draws`: a training is paused for the webui's pictures.
    `was_started`: its worker had died and was started again.
    """

    name: str
    has_worker: bool
    has_work: bool
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
        waiting = states["queued"] + states["interrupted"] + states["paused"]
        return {"running": states["running"], "waiting": waiting, "failed": states["failed"]}


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
        self._labels: dict[str, tuple[Signature | None, dict[int, str]]] = {}
        self._workers: dict[str, tuple[float, bool, bool]] = {}
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
            self._label(known)
            self._foresee(known)
            names = dict.fromkeys([DEFAULT_LANE, *(row.lane for row in rows)])
            lanes = tuple(self._lane(name, known.values(), flags.get(name, set())) for name in names)
            return Look(lanes, {number: found.document for number, found in known.items()})

    def _document(self, row: Row) -> _Known:
        folder = self.queue.folder_of(row)
        old = self._known.get(row.id)
        if old is not None and row.done and old.signature[0] == row and not self._is_sweeping:
            return old
        signature = (row, *(_stat(folder / name) for name in (RECORD, TICKET, EVENTS)))
        # Whether a process is alive stands in no file.
        if old is not None and old.signature == signature and old.document["state"] != "running":
            return old
        entry = self.queue.entry_of(row)
        document = describe(entry)
        if entry.taken and len(gpus := slots(self.queue.root, row.lane)) > 1:
            document["gpus"] = gpus_of(gpus, entry.taken - 1)
        if old is not None:
            document["label"] = old.document["label"]
            document["together"] = old.document["together"]
        return _Known(signature, entry, document, key_of(entry))

    def _label(self, known: Mapping[int, _Known]) -> None:
        """What tells an entry from the others of its batch."""
        batches: dict[str, list[int]] = {}
        for number, found in known.items():
            if found.entry.ticket.batch:
                batches.setdefault(found.entry.ticket.batch, []).append(number)
        for batch, numbers in batches.items():
            members = tuple((number, known[number].signature[TICKET_PART]) for number in numbers)
            if self._labels.get(batch, (None, {}))[0] != members:
                said = labels([known[number].entry.ticket.arguments for number in numbers])
                self._labels[batch] = (members, dict(zip(numbers, said, strict=True)))
            for number in numbers:
                label = self._labels[batch][1][number]
                if known[number].document["label"] != label:
                    known[number].document = {**known[number].document, "label": label}
        self._labels = {batch: self._labels[batch] for batch in batches}

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

    def _lane(self, name: str, known: Collection[_Known], flags: set[str]) -> Lane:
        mine = [found.entry for found in known if found.entry.ticket.lane == name]
        has_work = any(entry.waits or entry.taken for entry in mine)
        is_there, was_started = self._worker(name, has_work and PAUSED not in flags)
        return Lane(
            name, is_there, has_work, PAUSED in flags, DRAWS in flags, STOP_AFTER in flags, SHUT_DOWN in flags,
            was_started,
        )  # fmt: skip

    def _worker(self, lane: str, is_needed: bool) -> tuple[bool, bool]:
        at, is_there, was_started = self._workers.get(lane, (float("-inf"), False, False))
        now = self._clock()
        if now - at >= LOOK_AT_WORKERS_S:
            root = self.queue.root
            is_there = has_worker(root, lane)
            was_started = is_needed and ensure_worker(root, lane)
            self._workers[lane] = (now, is_there, was_started)
        return is_there, was_started


def describe(entry: Entry) -> Document:
    """What is shown of an entry; times are seconds since 1970, `left` is in seconds, `pack` names its process.

    `can_finish`: its engine can finish it early, and go on with it for more epochs.
    """
    record = entry.record
    document: Document = {
        "id": entry.id,
        "kind": entry.ticket.kind,
        "lane": entry.ticket.lane,
        "project": entry.project,
        "version": entry.version,
        "name": entry.folder.name,
        "label": "",
        "batch": entry.ticket.batch,
        "state": "running" if _begins(entry) else entry.state,
        "waits": entry.waits,
        "request": entry.request,
        "not_before": entry.not_before,
        "added": entry.ticket.added,
        "started": record.started if record else None,
        "ended": record.ended if record and entry.state in ENDED else None,
        "error": entry.error,
        "attempt": record.attempt if record else 1,
        "pack": record.pid if record and record.state == "running" else None,
        "can_finish": can_finish(entry),
        "together": None,
        "step": 0,
        "steps": record.steps if record else 0,
    }
    if record is not None:
        document.update(_progress(entry))
        if record.state == "finished" and record.steps:
            document["step"] = record.steps
    return document


def _begins(entry: Entry) -> bool:
    return bool(entry.taken) and entry.state == "queued" and entry.request != JOIN


def _progress(entry: Entry) -> Document:
    found: Document = {}
    for event in last_events(entry.folder, TAIL_BYTES):
        kind = event["event"]
        if kind == "step" and entry.ticket.kind == TRAIN:
            for name, own in (("step", "step"), ("epoch", "epoch"), ("epochs", "epochs"), ("rate", "rate"),
                              ("loss", "average_loss"), ("left", "seconds_left")):  # fmt: skip
                if event.get(own) is not None:
                    found[name] = event[own]
            found.pop("stage", None)
        elif kind == "progress":
            found |= {
                "step": event.get("done", 0),
                "steps": event.get("total", 0),
                "text": event.get("text", ""),
            }
        elif kind == "stage":
            found["stage"] = str(event.get("stage", ""))
    if entry.state != "running":
        for name in ("left", "rate", "stage", "text"):
            found.pop(name, None)
    return found


def _stat(path: Path) -> tuple[int, ...] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return (found.st_mtime_ns, found.st_size, found.st_ino)
