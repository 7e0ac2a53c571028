"""Which entries of the queue are trained together: those that are next, and those that will be."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from train_tools.engines.registry import ENGINES, engine_named
from train_tools.execution.queue import Entry
from train_tools.execution.ticket import TRAIN
from train_tools.planning.together import share


def pack_of(entry: Entry) -> tuple[str, str]:
    """Equal for entries that may be trained together; that of a job is its own."""
    if entry.ticket.kind != TRAIN:
        return entry.ticket.kind, str(entry.id)
    engine = engine_named(str(entry.ticket.identity["engine"]))
    return engine.name, engine.pack_key(entry.ticket.arguments)


def choose_pack(waiting: Iterable[Entry], free: int = 1) -> list[Entry]:
    """The first entry, and those right behind it that may be trained with it; `free` slots share them."""
    chosen: list[Entry] = []
    keys: set[tuple[str, str]] = set()
    limit = 1
    for entry in waiting:
        if entry.ticket.kind != TRAIN:
            if not chosen:
                return [entry]
            break
        keys.add(pack_of(entry))
        together = min(limit, entry.ticket.pack_size) if chosen else entry.ticket.pack_size
        if len(keys) > 1 or len(chosen) >= together * free:
            break
        limit = together
        chosen.append(entry)
    return chosen[: share(len(chosen), limit, free)]


def key_of(entry: Entry) -> str:
    """Equal for entries that may be trained together; empty for all else."""
    ticket = entry.ticket
    engine = ENGINES.get(str(ticket.identity.get("engine")))
    if ticket.kind != TRAIN or not entry.waits or engine is None:
        return ""
    return f"{engine.name} {entry.not_before or ''} {engine.pack_key(ticket.arguments)}"


def packs_to_come(waiting: Sequence[tuple[Entry, str]]) -> list[list[int]]:
    """Numbers of waiting entries, told with their keys in the order of training, in the packs that they will make as
    far as that is known now: where memory is short, or more GPUs come free, they are smaller.
    """
    packs: list[list[int]] = []
    last, limit = "", 0
    for entry, key in waiting:
        if key and key == last and len(packs[-1]) < min(limit, entry.ticket.pack_size):
            packs[-1].append(entry.id)
            limit = min(limit, entry.ticket.pack_size)
        else:
            packs.append([entry.id])
            last, limit = key, entry.ticket.pack_size
    return packs


def foreseen(waiting: Sequence[tuple[Entry, str]]) -> dict[int, dict[str, int]]:
    """Of those of one lane that will be trained with others: which pack of how many, and how many runs are in it."""
    several = [pack for pack in packs_to_come(waiting) if len(pack) > 1]
    return {
        number: {"pack": place, "packs": len(several), "runs": len(pack)}
        for place, pack in enumerate(several, start=1)
        for number in pack
    }
