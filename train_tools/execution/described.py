"""One entry of the queue as a small document for the page."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from train_tools.execution.events import last_events
from train_tools.execution.queue import Entry
from train_tools.execution.queue_actions import can_finish
from train_tools.execution.states import ENDED, FINISHED, RUNNING, STANDINGS, Around, standing
from train_tools.execution.supervise import ENDING_EVENTS
from train_tools.execution.ticket import TRAIN
from train_tools.workspace.run_folder import RunRecord, has_process

TAIL_BYTES = 16_384  # of events.jsonl: enough for the latest step or progress

Document = dict[str, Any]


@dataclasses.dataclass(frozen=True)
class Circumstances:
    """What stands in no file of the entry's. `has_worker`: the slot that has it in hand has one; `now` in seconds since
    1970.
    """

    has_worker: bool
    now: float
    around: Around


def describe(entry: Entry) -> Document:
    """What is shown of an entry; times are seconds since 1970, `left` is in seconds, `pack` names its process.

    `can_finish`: its engine can finish it early, and go on with it for more epochs. `has_ended`: its process is gone,
    or says that the run is over, and that isn't recorded yet. How it stands is put in by `stand`.
    """
    record = entry.record
    document: Document = {
        "id": entry.id,
        "kind": entry.ticket.kind,
        "lane": entry.ticket.lane,
        "project": entry.project,
        "version": entry.version,
        "name": entry.folder.name,
        "differs": [],
        "batch": entry.ticket.batch,
        "state": entry.state,
        "standing": "",
        "has_ended": False,
        "waits": entry.waits,
        "request": entry.request,
        "not_before": entry.not_before,
        "added": entry.ticket.added,
        "started": record.started if record else None,
        "ended": record.ended if record and entry.state in ENDED else None,
        "error": entry.error,
        "attempt": record.attempt if record else 1,
        "pack": record.pid if record and record.state == RUNNING else None,
        "can_finish": can_finish(entry),
        "together": None,
        "step": 0,
        "steps": record.steps if record else 0,
    }
    if record is not None:
        found, last = _progress(entry.folder, is_training=entry.ticket.kind == TRAIN)
        is_over = last.get("event") in ENDING_EVENTS and last.get("time", 0.0) >= (record.started or 0.0)
        document["has_ended"] = record.state == RUNNING and (is_over or not has_process(record))
        document |= _fitting(found, record, document["has_ended"])
    return document


def stand(document: Document, entry: Entry, circumstances: Circumstances) -> Document:
    """The document, or one like it with how the entry stands now."""
    told = standing(
        entry.state,
        is_taken=bool(entry.taken),
        has_worker=circumstances.has_worker,
        has_ended=document["has_ended"],
        request=entry.request,
        is_later=(entry.not_before or 0.0) > circumstances.now,
        around=circumstances.around,
    )
    if told == document["standing"]:
        return document
    return {**document, "standing": told, "state": STANDINGS[told]}


def _fitting(found: Document, record: RunRecord, has_ended: bool) -> Document:
    """What still says something: no time is left of what doesn't run."""
    if record.state == FINISHED and record.steps:
        found["step"] = record.steps
    if record.state == RUNNING and not has_ended:
        return found
    return {name: value for name, value in found.items() if name not in ("left", "rate", "stage", "text")}


def _progress(folder: Path, is_training: bool) -> tuple[Document, Mapping[str, Any]]:
    """And the event that came last."""
    found: Document = {}
    event: Mapping[str, Any] = {}
    for event in last_events(folder, TAIL_BYTES):
        kind = event["event"]
        if kind == "step" and is_training:
            found = {**found, "left": None, "rate": None, **_of_step(event)}
            found.pop("stage", None)
        elif kind == "progress":
            done, total = event.get("done", 0), event.get("total", 0)
            found |= {"step": done, "steps": total, "text": event.get("text", "")}
        elif kind == "stage":
            found |= {"stage": str(event.get("stage", "")), "left": None, "rate": None}
    return {name: value for name, value in found.items() if value is not None}, event


def _of_step(event: Mapping[str, Any]) -> Document:
    """Before a rate is known, no time is left that could be told: the first step's is 0."""
    names = {"step": "step", "epoch": "epoch", "epochs": "epochs", "loss": "average_loss", "rate": "rate"}
    found = {name: event[own] for name, own in names.items() if event.get(own) is not None}
    if found.get("rate"):
        found["left"] = event.get("seconds_left")
    return found
