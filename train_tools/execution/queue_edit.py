"""Changes settings of a queue entry that waits."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path

from train_tools.errors import UsageError
from train_tools.execution.queue import Entry, Queue
from train_tools.execution.queue_actions import that_waits
from train_tools.execution.run_record import fresh, identity_of
from train_tools.execution.ticket import TRAIN, Ticket, write_ticket
from train_tools.execution.train import refuse_impossible
from train_tools.planning.expand import PlannedRun
from train_tools.planning.plan import make_plan
from train_tools.workspace import settings
from train_tools.workspace.files import move_to_trash
from train_tools.workspace.workspace import Workspace

# Arguments that a plan sets by itself.
PLACED = frozenset({"train_data_dir", "output_dir", "output_name", "logging_dir"})


def edit(queue: Queue, number: int, changes: Mapping[str, str]) -> Ticket:
    """Changes settings of what still waits. A training becomes another run, in the same place of the queue.

    Raises UsageError where it has begun, a setting is wrong, or they mean a run that exists or several.
    """
    with queue.locked() as connection:
        entry = that_waits(queue, connection, number)
        if entry.ticket.kind != TRAIN:
            return queue.change(connection, entry, settings={**entry.ticket.settings, **changes})
        if (entry.folder / "events.jsonl").exists():
            raise UsageError(f"entry {number} has been trained in part; cancel it and add another")
        run = _changed_run(queue, entry, changes)
        folder = entry.folder.parent / run.name
        folder.mkdir(exist_ok=True)
        ticket = dataclasses.replace(entry.ticket, arguments=dict(run.arguments), identity=identity_of(run))
        write_ticket(folder, ticket)
        fresh(folder, ticket.identity, ticket.arguments)
        queue.rename(connection, number, folder)
        move_to_trash(entry.folder, Workspace(queue.root).trash)
        return ticket


def _changed_run(queue: Queue, entry: Entry, changes: Mapping[str, str]) -> PlannedRun:
    version = Workspace(queue.root).version(entry.project, entry.version)
    # The version's own settings may have changed since, and may mean a grid.
    blank = dict.fromkeys(settings.read(version)["training"], "")
    kept = {name: value for name, value in entry.ticket.arguments.items() if name not in PLACED}
    images = Path(str(entry.ticket.arguments["train_data_dir"])).parents[1].name
    source = {"dataset_version": images} if images != entry.version else {}
    engine = str(entry.ticket.identity["engine"])
    plan = make_plan(version, {**blank, **kept, **source, **changes}, engine)
    refuse_impossible(plan)
    if len(plan.runs) != 1 or not plan.runs[0].is_to_train:
        raise UsageError(
            f"this means {len(plan.runs)} run(s) ({plan.runs[0].state}); add those with `queue add`"
        )
    return plan.runs[0]
