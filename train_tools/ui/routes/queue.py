"""The queue of all projects: what it holds, what becomes of it, and one entry's log and past."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

from train_tools.compare.service import starred_runs
from train_tools.doctor.explain import explain
from train_tools.environment.program import without_secret
from train_tools.errors import TrainToolsError, UsageError
from train_tools.execution import queue_actions
from train_tools.execution.lane import log_file, wake
from train_tools.execution.log_tail import piece
from train_tools.execution.more import add_more
from train_tools.execution.queue import FLAGS, PAUSED, SHUT_DOWN, Entry, Queue
from train_tools.execution.queue_actions import FIRST, LAST, Conditions
from train_tools.execution.queue_edit import edit
from train_tools.execution.queue_view import QueueView
from train_tools.execution.run_history import RunHistory
from train_tools.execution.samples import samples_of
from train_tools.execution.states import RUNNING
from train_tools.execution.supervise import LOG
from train_tools.planning.exposure import refuse_exposed_settings
from train_tools.ui.changes import Changes
from train_tools.ui.fields import field_of
from train_tools.ui.guard import check_exposed
from train_tools.ui.queue_fields import JOBS, changeable, check_job
from train_tools.ui.routing import Call, get, post

MOST_AT_ONCE = 20  # entries of one call, so that it stays short
MOST_WATCHED = 16
LOG_LINES = 4_000  # bytes of a worker's log


def view_of(call: Call) -> QueueView:
    return call.kept("queue", lambda: QueueView(Queue(call.root)))


def whole(call: Call) -> dict[str, Any]:
    """`since` is the token of an earlier answer; only what changed after it is sent."""
    look = view_of(call).look()
    changes = call.kept("queue changes", Changes)
    changes.put({"lanes": look.lanes, "counts": look.counts()}, look.entries)
    return changes.since(call.query("since"))


def summary(call: Call) -> dict[str, Any]:
    """For the bar: how many entries there are in each state, what kinds of work are done, and which batches ended."""
    look = view_of(call).look()
    return {**look.counts(), "kinds": look.kinds(RUNNING), "ended": look.ended_batches()}


def act(call: Call) -> dict[str, Any]:
    """An action on one entry or several; of several, those that can't be are told and the others are done."""
    name, numbers = call.field("action"), _numbers(call)
    action = ACTIONS.get(name)
    if action is None:
        raise UsageError(f"{name!r} is nothing that can be done with an entry")
    queue = view_of(call).queue
    refused = []
    lanes = {_entry(queue, number).ticket.lane for number in numbers}
    for number in numbers:
        try:
            action(queue, number, call)
        except TrainToolsError as error:
            if len(numbers) == 1:
                raise
            refused.append({"id": number, "error": str(error)})
    for lane in lanes:
        wake(queue, lane)
    return {"done": len(numbers) - len(refused), "refused": refused}


def _numbers(call: Call) -> list[int]:
    numbers = call.field("ids", list)
    if not all(type(number) is int for number in numbers) or not 0 < len(numbers) <= MOST_AT_ONCE:
        raise UsageError(f"'ids' must be 1 to {MOST_AT_ONCE} numbers of entries")
    return list(numbers)


def _move(queue: Queue, number: int, call: Call) -> None:
    where = call.field("where", object)
    if where not in (FIRST, LAST) and type(where) is not int:
        raise UsageError("'where' must be first, last or an entry's number")
    queue_actions.move(queue, number, where)


def _not_before(queue: Queue, number: int, call: Call) -> None:
    when = call.field("when", object)
    is_time = type(when) in (int, float) and math.isfinite(when) and 0 < when < 1e11
    if when is not None and not is_time:
        raise UsageError("'when' must be a time in seconds since 1970")
    queue_actions.not_before(queue, number, when)


def _edit(queue: Queue, number: int, call: Call) -> None:
    changes = call.field("changes", dict)
    if not all(isinstance(value, str) for value in changes.values()):
        raise UsageError("'changes' must be texts")
    entry = _entry(queue, number)
    if entry.ticket.kind in JOBS:
        if call.exposed:
            refuse_exposed_settings(JOBS[entry.ticket.kind][0], changes)
    else:
        check_exposed(call, changes)
    check_job(entry, changes)
    edit(queue, number, changes)


def starred(call: Call) -> list[str]:
    """The runs with a starred checkpoint that can go on."""
    return starred_runs(call.version)


def more(call: Call) -> list[dict[str, Any]]:
    """Queues more epochs of finished runs; answers with what each goes on from, in words."""
    names, epochs = call.field("runs", list), call.field("epochs", object)
    if not all(isinstance(name, str) for name in names) or type(epochs) is not int:
        raise UsageError("'runs' must be names of runs and 'epochs' a whole number")
    queue = view_of(call).queue
    found = add_more(queue, call.version, names, epochs, Conditions())
    wake(queue)
    return [{"name": one.name, "epochs": one.epochs, "way": one.way, "says": one.note} for one in found]


def _plain(action: Callable[[Queue, int], None]) -> Callable[[Queue, int, Call], None]:
    return lambda queue, number, _call: action(queue, number)


ACTIONS: Mapping[str, Callable[[Queue, int, Call], None]] = {
    "cancel": _plain(queue_actions.cancel),
    "finish": _plain(queue_actions.finish),
    "pause": _plain(queue_actions.pause),
    "resume": _plain(queue_actions.resume),
    "retry": _plain(queue_actions.retry),
    "now": _plain(queue_actions.run_now),
    "move": _move,
    "not before": _not_before,
    "edit": _edit,
}


def lane(call: Call) -> dict[str, Any]:
    """Sets or takes back a flag of a lane."""
    name, flag, on = call.field("lane"), call.field("flag"), call.field("on", bool)
    if flag not in FLAGS:
        raise UsageError(f"{flag!r} is no flag of a lane; there are: {', '.join(FLAGS)}")
    if flag == SHUT_DOWN and on and call.exposed:
        raise UsageError(
            "Others can reach this page, so it doesn't switch the computer off; ask at the computer itself."
        )
    queue = view_of(call).queue
    with queue.locked() as connection:
        if flag == PAUSED and not on:
            queue_actions.go_on(queue, connection, name)
        else:
            queue.set_flag(connection, name, flag, on)
    if flag == PAUSED and not on:
        wake(queue, name)
    return {}


def clear(call: Call) -> dict[str, int]:
    return {"cleared": queue_actions.clear(view_of(call).queue, call.field("lane"))}


def worker_log(call: Call) -> dict[str, str]:
    name = call.query("lane")
    if name not in {found.name for found in view_of(call).look().lanes}:
        raise UsageError(f"there is no lane {name!r}")
    return {"text": piece(log_file(call.root, name), None).text[-LOG_LINES:]}


def detail(call: Call) -> dict[str, Any]:
    """One entry with its past and what may still be changed of it."""
    entry = _asked(call)
    past = _history(call, entry)
    return {
        "folder": entry.folder,
        "settings": {name: without_secret(text) for name, text in entry.ticket.settings.items()},
        "note": entry.ticket.note,
        "arguments": entry.ticket.arguments,
        "events": list(past.events),
        "points": past.points,
        "samples": samples_of(entry.folder),
    }


def remedies(call: Call) -> list[dict[str, Any]]:
    """What the error in its log means and what helps, the likeliest first; empty where nothing is known.

    `offers` are what this program does about it by itself.
    """
    is_zh = call.language == "zh"
    return [
        {
            "means": remedy.means_zh if is_zh else remedy.means,
            "do": remedy.do_zh if is_zh else remedy.do,
            "line": remedy.line,
            "offers": remedy.offers,
        }
        for remedy in explain(_asked(call).folder)
    ]


def fields(call: Call) -> list[dict[str, Any]]:
    """What may be changed of an entry that waits, with its present value."""
    return [{**field_of(known, call.language), "value": value} for known, value in changeable(_asked(call))]


def log(call: Call) -> Any:
    """train.log from byte `start` on; without it, its end."""
    start = call.number("start", -1)
    return piece(_asked(call).folder / LOG, start if start >= 0 else None)


def watched(call: Call) -> dict[str, Any]:
    """Of the entries `ids` (a,b): `points` of (step, average loss), and `samples`, the pictures drawn so far."""
    given = call.query("ids").split(",")[:MOST_WATCHED]
    if not all(text.isdigit() for text in given):
        raise UsageError("'ids' must be numbers of entries")
    queue = view_of(call).queue
    entries = {text: _entry(queue, int(text)) for text in given}
    return {
        text: {"points": _history(call, entry).points, "samples": samples_of(entry.folder)}
        for text, entry in entries.items()
    }


def _asked(call: Call) -> Entry:
    if not call.part("id").isdigit():
        raise UsageError(f"there is no queue entry {call.part('id')!r}")
    return _entry(view_of(call).queue, int(call.part("id")))


def _entry(queue: Queue, number: int) -> Entry:
    with queue.locked() as connection:
        return queue.entry(connection, number)


def _history(call: Call, entry: Entry) -> RunHistory:
    return call.kept(("history", entry.folder), lambda: RunHistory(entry.folder)).read()


ROUTES = [
    get("/api/v/{project}/{version}/queue/starred", starred),
    post("/api/v/{project}/{version}/queue/more", more),
    get("/api/queue", whole),
    get("/api/queue/summary", summary),
    get("/api/queue/watched", watched),
    get("/api/queue/worker-log", worker_log),
    post("/api/queue/act", act),
    post("/api/queue/lane", lane),
    post("/api/queue/clear", clear),
    get("/api/queue/{id}", detail),
    get("/api/queue/{id}/fields", fields),
    get("/api/queue/{id}/log", log),
    get("/api/queue/{id}/remedies", remedies),
]
