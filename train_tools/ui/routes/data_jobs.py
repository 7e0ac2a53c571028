"""Queued work on a version's images: what there is, its progress and result, cancel and retry."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from train_tools.errors import UsageError
from train_tools.execution import queue_actions
from train_tools.execution.events import last_events
from train_tools.execution.lane import ensure_worker
from train_tools.execution.queue import PAUSED, Queue
from train_tools.execution.ticket import (
    DATA_KINDS,
    DEFAULT_LANE,
    LIGHT_LANE,
    PROCESS,
    REGULARISE,
    RESTORE,
    Ticket,
    read_ticket,
)
from train_tools.ui.routing import Call, get, post
from train_tools.workspace.files import read_json
from train_tools.workspace.run_folder import ACTIVE, read_record
from train_tools.workspace.workspace import Version, names_in

RESULT = "result.json"
NEWEST = 60  # folders that are looked at
SHOWN = 12
OPEN = (*ACTIVE, "interrupted", "paused")


def recent(version: Version) -> list[dict[str, Any]]:
    """The newest first; those of captions, previews and the like are other panels'."""
    jobs = version.folder / "jobs"
    folders = [jobs / name for name in sorted(names_in(jobs), reverse=True)[:NEWEST]]
    found = [(ticket, folder) for folder in folders if (ticket := _data_ticket(folder))]
    found.sort(key=lambda pair: (pair[0].added, pair[0].position), reverse=True)
    return [_job(folder, ticket) for ticket, folder in found[:SHOWN]]


def _data_ticket(folder: Path) -> Ticket | None:
    ticket = read_ticket(folder)
    return ticket if ticket and ticket.kind in DATA_KINDS else None


def _job(folder: Path, ticket: Ticket) -> dict[str, Any]:
    record = read_record(folder)
    state = record.state if record else "queued"
    progress: Mapping[str, Any] = {}
    if state == "running":
        progress = next((e for e in reversed(last_events(folder)) if e["event"] == "progress"), {})
    return {
        "id": ticket.id,
        "name": folder.name,
        "kind": ticket.kind,
        "lane": ticket.lane,
        "state": state,
        "settings": ticket.settings,
        "added": ticket.added,
        "ended": record.ended if record else None,
        "error": record.error if record else None,
        "done": progress.get("done", 0),
        "total": progress.get("total", 0),
        "item": progress.get("item", ""),
        "waits": bool(progress) and not progress.get("total"),  # for another writer
        "has_result": (folder / RESULT).is_file(),
    }


def add(call: Call, version: Version, kind: str, settings: Mapping[str, str], lane: str = LIGHT_LANE) -> Any:
    """Queues a job and sees to it that somebody does it; returns it as `recent` does."""
    ticket = queue_actions.add_job(
        Queue(call.root), version, kind, settings, queue_actions.Conditions(lane=lane)
    )
    _wake(call, lane)
    return next((job for job in recent(version) if job["id"] == ticket.id), {"id": ticket.id})


def _wake(call: Call, lane: str) -> None:
    queue = Queue(call.root)
    with queue.locked() as connection:
        is_paused = PAUSED in queue.flags(connection, lane)
    if not is_paused:
        ensure_worker(call.root, lane)


def refuse_second(version: Version, kind: str, what: str) -> None:
    if any(job["kind"] == kind and job["state"] in OPEN for job in recent(version)):
        raise UsageError(f"{what} already; wait for it or cancel it first")


def process(call: Call) -> Any:
    version = call.version
    refuse_second(version, PROCESS, "the images are being processed")
    if not any(not name.startswith(".") for name in names_in(version.origin)):
        raise UsageError("there are no images yet; add some first")
    return add(call, version, PROCESS, {})


def restore(call: Call) -> Any:
    version = call.version
    refuse_second(version, RESTORE, "a revision is being restored")
    return add(call, version, RESTORE, {"revision": call.field("revision")})


def regularise(call: Call) -> Any:
    """The base model draws them, so they wait for its turn on the GPU."""
    version = call.version
    refuse_second(version, REGULARISE, "regularisation images are being made")
    return add(call, version, REGULARISE, {"concept": call.field("concept", str, "")}, DEFAULT_LANE)


def cancel(call: Call) -> Any:
    queue_actions.cancel(Queue(call.root), _number(call))
    return {}


def retry(call: Call) -> Any:
    """Of one that was cut off, whose worker is gone, too."""
    version, number = call.version, _number(call)
    job = next((job for job in recent(version) if job["id"] == number), None)
    if job is None:
        raise UsageError("that job isn't there any more")
    if job["state"] in ("failed", "cancelled"):
        queue_actions.retry(Queue(call.root), number)
    elif job["state"] == "paused":
        queue_actions.resume(Queue(call.root), number)
    _wake(call, job["lane"])
    return {}


def _number(call: Call) -> int:
    number: int = call.field("id", int)
    return number


def result(call: Call) -> Any:
    """What a job found out; its folder is looked up among the version's."""
    version, name = call.version, call.part("name")
    path = version.folder / "jobs" / name / RESULT
    if name not in names_in(version.folder / "jobs") or not path.is_file():
        raise UsageError("that job has no result")
    return read_json(path)


BASE = "/api/v/{project}/{version}/data"
ROUTES = [
    get(f"{BASE}/jobs/{{name}}/result", result),
    post(f"{BASE}/jobs/cancel", cancel),
    post(f"{BASE}/jobs/retry", retry),
    post(f"{BASE}/process", process),
    post(f"{BASE}/restore", restore),
    post(f"{BASE}/regularise", regularise),
]
