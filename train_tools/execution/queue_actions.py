"""What a person does with the queue. Every action is whole or not at all; whoever trains hears of it by the queue."""

from __future__ import annotations

import dataclasses
import sqlite3
import uuid
from collections.abc import Mapping
from pathlib import Path

from train_tools.engines.registry import ENGINES
from train_tools.errors import UsageError
from train_tools.execution.begin import settled
from train_tools.execution.events import epoch_of
from train_tools.execution.lane import slots
from train_tools.execution.queue import DRAWS, PAUSED, Entry, Queue
from train_tools.execution.run_record import end, fresh, identity_of, refuse_active
from train_tools.execution.states import CANCEL, ENDED, FINISH, GIVE_WAY, JOIN, PAUSE, WISHED
from train_tools.execution.ticket import DEFAULT_LANE, FILE, TRAIN, Ticket
from train_tools.execution.train import refuse_hopeless, refuse_impossible
from train_tools.planning.expand import PlannedRun
from train_tools.planning.plan import Plan
from train_tools.workspace.files import free_name, time_stamp
from train_tools.workspace.workspace import Version

FIRST, LAST = "first", "last"


@dataclasses.dataclass(frozen=True)
class Conditions:
    """`not_before` is in seconds since 1970. `may_shrink` allows a smaller pack where memory runs out."""

    lane: str = DEFAULT_LANE
    not_before: float | None = None
    may_shrink: bool = True


def add_training(
    queue: Queue, version: Version, plan: Plan, conditions: Conditions, *, partly: bool = False
) -> list[Ticket]:
    """Queues the plan's runs that are to be trained.

    Raises UsageError where a run can't be trained, or with `partly` where none can; TrainToolsError where one is active
    already.
    """
    (refuse_hopeless if partly else refuse_impossible)(plan)
    common = Ticket(
        TRAIN,
        **dataclasses.asdict(conditions),
        batch=f"{time_stamp()}-{uuid.uuid4().hex[:6]}",
    )
    most = {
        run.run_id: facts.chosen.most
        for pack, facts in zip(plan.packs, plan.facts, strict=True)
        for run in pack
    }
    with queue.locked() as connection:
        for run in plan.runs_to_train:
            refuse_active(version.trains / run.name)
        return [
            _add_run(
                queue,
                connection,
                version.trains / run.name,
                run,
                dataclasses.replace(common, pack_size=most[run.run_id]),
            )
            for run in plan.runs_to_train
        ]


def _add_run(
    queue: Queue, connection: sqlite3.Connection, folder: Path, run: PlannedRun, common: Ticket
) -> Ticket:
    folder.mkdir(parents=True, exist_ok=True)
    ticket = dataclasses.replace(common, arguments=dict(run.arguments), identity=identity_of(run))
    # The ticket first: with it alone the run is already remembered.
    placed = queue.add(connection, folder, ticket)
    fresh(folder, ticket.identity, ticket.arguments)
    return placed


def add_job(
    queue: Queue,
    version: Version,
    kind: str,
    changes: Mapping[str, str],
    conditions: Conditions,
    note: str = "",
) -> Ticket:
    """Queues captions or previews of a version; `changes` are laid over its settings when the job starts.

    `note` is said then.
    """
    with queue.locked() as connection:
        folder = free_name(version.folder / "jobs", f"{time_stamp()}-{kind}")
        folder.mkdir(parents=True)
        identity = {
            "run_id": folder.name, "digest": "", "engine": kind, "steps": 0, "output_name": "",
            "dataset_fingerprint": "",
        }  # fmt: skip
        ticket = Ticket(
            kind, **dataclasses.asdict(conditions), settings=dict(changes), identity=identity, note=note
        )
        placed = queue.add(connection, folder, ticket)
        fresh(folder, identity, {})
        return placed


def cancel(queue: Queue, number: int) -> None:
    """What waits or is paused is cancelled at once; what is trained, as soon as its process has ended."""
    with queue.locked() as connection:
        entry = queue.entry(connection, number)
        if entry.taken:
            queue.mark(connection, [number], request=CANCEL)
        elif entry.waits or entry.state == "paused":
            _end(entry, "cancelled")
            queue.mark(connection, [number], done=1)
        else:
            raise _no("cancel", entry)


def finish(queue: Queue, number: int) -> None:
    """What is trained is finished after the epoch that it is in, with a checkpoint; its siblings go on."""
    with queue.locked() as connection:
        entry = queue.entry(connection, number)
        if not entry.taken or entry.ticket.kind != TRAIN or entry.request == JOIN:
            raise _no("finish", entry)
        if not can_finish(entry):
            raise UsageError(
                f"{entry.ticket.identity['engine']} can't finish a run early; cancel it: its checkpoints are kept"
            )
        queue.change(connection, entry, finish_after=max(1, epoch_of(entry.folder)))
        queue.mark(connection, [number], request=FINISH)


def can_finish(entry: Entry) -> bool:
    engine = ENGINES.get(str(entry.ticket.identity.get("engine")))
    return entry.ticket.kind == TRAIN and engine is not None and engine.can_let_go


def pause(queue: Queue, number: int) -> None:
    """Until `resume`. What is trained finishes its step, saves its state and gives the GPU free."""
    with queue.locked() as connection:
        entry = queue.entry(connection, number)
        if entry.taken:
            queue.mark(connection, [number], request=PAUSE)
        elif entry.waits:
            _end(entry, "paused")
        else:
            raise _no("pause", entry)


def resume(queue: Queue, number: int) -> None:
    with queue.locked() as connection:
        entry = queue.entry(connection, number)
        if entry.taken and entry.request == PAUSE:
            queue.mark(connection, [number], request=GIVE_WAY)  # it may have paused already
        elif entry.state == "paused":
            _requeue(queue, connection, entry)
        else:
            raise _no("resume", entry)


def retry(queue: Queue, number: int) -> None:
    """Once more, from its last state where it has one; what it made before is kept in `attempts/`."""
    with queue.locked() as connection:
        entry = queue.entry(connection, number)
        if entry.taken or entry.state not in ("failed", "cancelled") or not entry.folder.is_dir():
            raise _no("retry", entry)
        queue.change(connection, entry, finish_after=0)
        _requeue(queue, connection, entry)


def move(queue: Queue, number: int, where: str | int) -> None:
    """Before the entry with the number `where`, or to the FIRST or LAST place of its lane."""
    with queue.locked() as connection:
        entry = queue.entry(connection, number)
        queue.change(connection, entry, position=_position(queue, connection, entry, where))


def _position(queue: Queue, connection: sqlite3.Connection, entry: Entry, where: str | int) -> float:
    others = [e for e in queue.read(connection, entry.ticket.lane) if e.id != entry.id]
    places = [e.position for e in others]
    if where == LAST or not others:
        return max(places, default=0.0) + 1
    if where == FIRST:
        return min(places) - 1
    targets = [index for index, other in enumerate(others) if other.id == where]
    if not targets:
        raise UsageError(f"entry {where} isn't in the same lane; look with `queue list`")
    index = targets[0]
    return (places[index - 1] + places[index]) / 2 if index else places[0] - 1


def run_now(queue: Queue, number: int) -> None:
    """Next, whatever is being trained: that pauses and goes on after."""
    with queue.locked() as connection:
        entry = queue.entry(connection, number)
        if entry.state in ENDED:
            raise _no("run", entry)
        lane = entry.ticket.lane
        queue.change(connection, entry, not_before=None, position=_position(queue, connection, entry, FIRST))
        if entry.state == "paused":
            _requeue(queue, connection, entry)
        go_on(queue, connection, lane)
        if not entry.taken:
            queue.mark(connection, _that_give_way(queue, connection, lane), request=GIVE_WAY)


def go_on(queue: Queue, connection: sqlite3.Connection, lane: str) -> None:
    """Whether a person paused it, or the webui for its pictures."""
    for flag in (PAUSED, DRAWS):
        queue.set_flag(connection, lane, flag, on=False)


def _that_give_way(queue: Queue, connection: sqlite3.Connection, lane: str) -> list[int]:
    """What is done in the slot that began last; nothing where a slot is free."""
    busy = [e for e in queue.read(connection, lane) if e.taken]
    if len({e.taken for e in busy}) < len(slots(queue.root, lane)) or any(
        e.request not in ("", FINISH) for e in busy
    ):
        return []
    last = max(busy, key=lambda e: (e.record.started or 0.0) if e.record else 0.0)
    return [e.id for e in busy if e.taken == last.taken]


def obey(queue: Queue, lane: str) -> None:
    """What was asked of a worker that was killed before it heard: the entry is cancelled or paused."""
    with queue.locked() as connection:
        heed(queue, connection, lane)


def heed(queue: Queue, connection: sqlite3.Connection, lane: str) -> None:
    for entry in queue.read(connection, lane, open_only=True):
        if entry.request and not entry.taken:
            queue.mark(connection, [entry.id], request="")
            if entry.waits and entry.request in WISHED:
                _end(entry, WISHED[entry.request])


def not_before(queue: Queue, number: int, when: float | None) -> None:
    with queue.locked() as connection:
        entry = that_waits(queue, connection, number)
        queue.change(connection, entry, not_before=when)


def clear(queue: Queue, lane: str) -> int:
    """Takes what has ended off the list; its folders stay. Returns how many entries."""
    with queue.locked() as connection:
        ended = [e for e in queue.read(connection, lane) if e.state in ENDED and not e.taken]
        for entry in ended:
            queue.forget(connection, entry)
        return len(ended)


def that_waits(queue: Queue, connection: sqlite3.Connection, number: int) -> Entry:
    entry = queue.entry(connection, number)
    if not (entry.waits or entry.state == "paused") or entry.taken:
        raise _no("change", entry)
    return entry


def _requeue(queue: Queue, connection: sqlite3.Connection, entry: Entry) -> None:
    """Unless it is whole: it may have been paused or cancelled when its worker had fallen just after its end."""
    record, is_training = entry.record, entry.ticket.kind == TRAIN
    if (
        record is not None
        and is_training
        and record.state in WISHED.values()
        and settled(entry.folder, record)
    ):
        queue.mark(connection, [entry.id], done=1, request="")
        return
    queue.change(connection, entry, restarts=0, reached=0)
    queue.mark(connection, [entry.id], done=0, request="")
    fresh(entry.folder, entry.ticket.identity, entry.ticket.arguments)


def _end(entry: Entry, state: str) -> None:
    record = entry.record or fresh(entry.folder, entry.ticket.identity, entry.ticket.arguments)
    end(entry.folder, record, state)


def _no(what: str, entry: Entry) -> UsageError:
    state = "being trained" if entry.taken or entry.state == "running" else entry.state
    hint = "" if (entry.folder / FILE).is_file() else " and its folder was deleted"
    return UsageError(f"entry {entry.id} is {state}{hint}: nothing to {what}; look with `queue list`")
