"""More epochs: a finished run goes on for some more, as a run of its own that begins where the other ended.

Nothing of the other is changed. The new one is what a run of all its epochs would be after the first ones, learning
rates included: from the state that the other kept (`save_state_on_train_end`), or from its file, with an optimizer that
begins anew.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import re
import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from train_tools.arguments.checkpoints import final_checkpoint
from train_tools.arguments.current import current
from train_tools.engines.registry import engine_named
from train_tools.errors import TrainToolsError, UsageError
from train_tools.execution.queue import Queue
from train_tools.execution.queue_actions import Conditions
from train_tools.execution.run_record import fresh, refuse_active
from train_tools.execution.ticket import TRAIN, Ticket
from train_tools.planning.images import read_dataset, steps_per_epoch
from train_tools.planning.names import run_id
from train_tools.planning.together import pack_size
from train_tools.workspace.files import time_stamp
from train_tools.workspace.names import comparable
from train_tools.workspace.run_folder import RunRecord, read_arguments, read_record
from train_tools.workspace.workspace import Version, folders_in

STATE, FILE = "state", "file"
MOST_EPOCHS = 100_000


@dataclasses.dataclass(frozen=True)
class More:
    """A run that goes on. `way` is STATE or FILE, what it goes on from; `note` says it to a person."""

    name: str
    earlier: str
    epochs: int
    steps: int
    way: str
    note: str
    arguments: dict[str, Any]
    identity: dict[str, Any]


def add_more(
    queue: Queue, version: Version, names: Sequence[str], epochs: int, conditions: Conditions
) -> list[More]:
    """Queues `epochs` more of each of these finished runs, to be trained together where they fit.

    Raises UsageError where one can't go on, TrainToolsError where it does so already; then none is queued.
    """
    if not 1 <= epochs <= MOST_EPOCHS:
        raise UsageError(f"a run can go on for 1 to {MOST_EPOCHS} more epochs, not {epochs}")
    if not names:
        raise UsageError("name the runs that are to go on, or give their checkpoints a star")
    found = [more_of(version, name, epochs) for name in dict.fromkeys(names)]
    common = Ticket(
        TRAIN,
        **dataclasses.asdict(conditions),
        batch=f"{time_stamp()}-{uuid.uuid4().hex[:6]}",
        pack_size=pack_size(version),
    )
    with queue.locked() as connection:
        for more in found:
            folder = version.trains / more.name
            refuse_active(folder)
            record = read_record(folder)
            if record is not None and record.state == "finished":
                raise UsageError(f"{more.earlier} went on to epoch {more.epochs} already, as {more.name}")
        for more in found:
            folder = version.trains / more.name
            folder.mkdir(parents=True, exist_ok=True)
            ticket = dataclasses.replace(
                common, arguments=more.arguments, identity=more.identity, note=more.note
            )
            queue.add(connection, folder, ticket)
            fresh(folder, more.identity, more.arguments)
    return found


def more_of(version: Version, name: str, epochs: int) -> More:
    """What `epochs` more of a run would be; writes nothing. Raises UsageError where it can't go on."""
    folder = version.trains / name
    record = read_record(folder)
    if record is None:
        raise UsageError(f"{version.project}/{version.name} has no run {name}; look with `runs`")
    if record.state != "finished":
        raise UsageError(f"{name} is {record.state}; only a finished run can go on for more epochs")
    if not engine_named(record.engine).can_let_go:
        raise UsageError(
            f"{name} was trained by {record.engine}, which counts anew; set network_weights to its file to train on it"
        )
    before = read_arguments(folder)
    done = record.epochs or int(before["max_train_epochs"])
    way = STATE if _state(folder, record).is_dir() else FILE
    arguments = _arguments(before, folder, record, done, epochs, way)
    images = read_dataset(Path(arguments["train_data_dir"]), _path(arguments.get("reg_data_dir")))
    defaults = {name: known.sd_default for name, known in current().known.items()}
    steps = record.steps + epochs * steps_per_epoch(images, {**defaults, **arguments})
    content = json.dumps([record.digest, done + epochs, way, images.fingerprint])
    digest = hashlib.sha256(content.encode()).hexdigest()
    taken = _ids(version)
    identity = run_id(digest, version.project, version.name, taken)
    placed = _name(version, name, done + epochs, identity, digest)
    arguments |= {
        "output_dir": str((version.trains / placed).absolute()),
        "output_name": f"{version.project}-{version.name}-{identity}",
        "logging_dir": str((version.trains / placed / "logs").absolute()),
    }
    if reasons := engine_named(record.engine).unsupported(arguments):
        raise UsageError(f"{name} can't go on: {'; '.join(reasons)}")
    return More(
        placed, name, done + epochs, steps, way, _note(name, done, way, images.fingerprint, record), arguments,
        {
            "run_id": identity, "digest": digest, "engine": record.engine, "steps": steps, "epochs": done + epochs,
            "output_name": arguments["output_name"], "dataset_fingerprint": images.fingerprint,
            "dataset_parts": dict(images.parts),
        },
    )  # fmt: skip


def _arguments(
    before: dict[str, Any], folder: Path, record: RunRecord, done: int, epochs: int, way: str
) -> dict[str, Any]:
    left_out = {"max_train_steps", "initial_epoch", "initial_step", "resume"}
    if not before.get("dim_from_weights"):
        left_out.add("network_weights")
    kept = {name: value for name, value in before.items() if name not in left_out}
    length = {
        "max_train_epochs": done + epochs,
        "initial_epoch": done + 1,
        "initial_step": record.steps,
    }
    if way == STATE:
        return {**kept, **length, "resume": str(_state(folder, record).absolute())}
    file = folder / final_checkpoint({**before, "output_name": record.output_name})
    if not file.is_file():
        raise UsageError(f"{folder.name} can't go on: its last checkpoint {file.name} is gone")
    return {**kept, **length, "network_weights": str(file.absolute())}


def _state(folder: Path, record: RunRecord) -> Path:
    """As sd-scripts calls it."""
    return folder / f"{record.output_name}-state"


def _note(name: str, done: int, way: str, fingerprint: str, record: RunRecord) -> str:
    if way == STATE:
        note = f"it goes on after epoch {done} of {name}, from the state that was kept"
    else:
        note = (
            f"it goes on after epoch {done} of {name} from its file, and the optimizer begins anew: "
            "no state was kept (save_state_on_train_end keeps it)"
        )
    if fingerprint != record.dataset_fingerprint:
        return f"{note}; its images or captions have changed since"
    return note


def _name(version: Version, earlier: str, epochs: int, identity: str, digest: str) -> str:
    """The earlier run's with more epochs; that of the same run where it was queued before."""
    name, count = re.subn(r"-ep-[^-]+", f"-ep-{epochs}", earlier, count=1)
    longer = f"{name if count else earlier}-{identity}"
    folders = {comparable(folder.name): folder for folder in folders_in(version.trains)}
    for candidate in (name, longer):
        found = folders.get(comparable(candidate))
        if found is None or ((record := read_record(found)) is not None and record.digest == digest):
            return candidate
    raise TrainToolsError(f"{longer} is there already; delete it first")


def _ids(version: Version) -> dict[str, str]:
    records = [read_record(folder) for folder in folders_in(version.trains)]
    return {record.run_id: record.digest for record in records if record is not None}


def _path(value: Any) -> Path | None:
    return Path(str(value)) if value else None
