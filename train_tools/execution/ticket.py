"""A queue entry as its folder keeps it: all that is needed to queue it again where the database is lost."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from train_tools.errors import TrainToolsError
from train_tools.workspace.files import read_json, write_json

FILE = "queue.json"
TRAIN, CAPTION, PREVIEW, SCORE = ASKED_KINDS = ("train", "caption", "preview", "score")
INTAKE, PROCESS, RESTORE, REGULARISE = DATA_KINDS = ("intake", "process", "restore", "regularise")
DEMO, DOWNLOAD = "demo", "download"  # the latter of a model
KINDS = (*ASKED_KINDS, *DATA_KINDS, DEMO, DOWNLOAD)
DEFAULT_LANE = "gpu"
LIGHT_LANE = "light"  # work of the CPU on a dataset, which waits behind no training
NETWORK_LANE = "network"  # what is fetched; nothing waits behind it


@dataclasses.dataclass(frozen=True)
class Ticket:
    """Times are seconds since 1970. `id` and `position` are given by the queue. What was queued together has the same
    `batch`.

    A training brings `arguments` (its run.toml) and `identity` (what its record says of it); other jobs bring
    `settings`. `pack_size` is the most runs it is trained with. `restarts` counts ends of its process since step
    `reached`; `note` is what is to be said when it starts next. `finish_after` is the epoch after which a person wants
    it finished, 0 where nobody does.
    """

    kind: str
    lane: str = DEFAULT_LANE
    id: int = 0
    position: float = 0.0
    added: float = 0.0
    batch: str = ""
    not_before: float | None = None
    settings: Mapping[str, str] = dataclasses.field(default_factory=dict)
    arguments: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    identity: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    pack_size: int = 1
    may_shrink: bool = True
    restarts: int = 0
    reached: int = 0
    note: str = ""
    finish_after: int = 0


def write_ticket(folder: Path, ticket: Ticket) -> None:
    write_json(folder / FILE, {"schema": 1, **dataclasses.asdict(ticket)})


def read_ticket(folder: Path) -> Ticket | None:
    """None where there is none, or none that can be read."""
    try:
        data = read_json(folder / FILE)
        known = {field.name for field in dataclasses.fields(Ticket)}
        ticket = Ticket(**{name: value for name, value in data.items() if name in known})
    except (OSError, TrainToolsError, TypeError, AttributeError):
        return None
    return ticket if ticket.kind in KINDS else None
