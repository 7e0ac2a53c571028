"""How much memory packs took on this machine: kept in measured.json beside the times, by kind of training.

What a run's own LoRA takes differs from run to run and is known from its size; it is left out of what is kept:

    "memory": {"runs": {"1": bytes, "8": bytes}, "available": bytes, "total": bytes, "on": "2026-11-29",
               "failed": {"runs": 8, "available": bytes}}
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from train_tools.planning.measured import Kind, Measured, add_sample, line_through, read_measured
from train_tools.workspace.files import write_json

MEMORY = "memory"
HEADROOM = 0.07  # as the engine leaves it
MORE = 1.05  # times the memory that was free when a pack failed: then it may be tried again


@dataclass(frozen=True)
class Known:
    """`runs` -> bytes without the runs' own LoRAs; `available` to the training at that time, of `total`; `on` that day.

    `too_many` runs at once ran out of memory; 0: none did.
    """

    runs: Mapping[int, float]
    available: float
    total: float
    on: str
    too_many: int = 0

    def bytes(self, count: int, each: float, trained: float) -> float:
        """Of `count` runs. `each` is what a further one is thought to take where only one size is known, `trained` what
        its own LoRA takes.
        """
        if not self.runs:
            return 0.0
        if (line := line_through(self.runs.items())) is not None:
            return self.runs.get(count, line.at(count)) + count * trained
        ((known, size),) = self.runs.items()
        return size + (count - known) * each + count * trained

    def fits(self, count: int, each: float, trained: float) -> bool:
        if self.too_many and count >= self.too_many:
            return False
        return not self.runs or self.bytes(count, each, trained) <= self.available * (1 - HEADROOM)


def known(data: Mapping[str, Measured], kind: Kind) -> Known | None:
    found: Any = data.get(kind.key, {}).get(MEMORY)
    try:
        runs = {int(count): float(size) for count, size in found["runs"].items()}
        too_many = int(found.get("failed", {}).get("runs", 0))
        available, total = (float(found.get(name, 0)) for name in ("available", "total"))
        return Known(runs, available, total, str(found.get("on", "")), too_many)
    except (TypeError, KeyError, ValueError, AttributeError):
        return None


def add_memory(file: Path, kind: Kind, told: Iterable[Mapping[str, Any]], trained: float) -> None:
    """`told` are an engine's events; `trained` is what the largest LoRA of the pack takes."""
    data = read_measured(file)
    kept = data.setdefault(kind.key, {})
    memory = kept.setdefault(MEMORY, {"runs": {}})
    for event in told:
        count = int(event["runs"])
        memory["runs"][str(count)] = max(0, round(event["bytes"] - count * trained))
        memory |= {name: int(event[name]) for name in ("available", "total")}
        memory["on"] = time.strftime("%Y-%m-%d")
        failed = memory.get("failed", {})
        if failed and (count >= failed["runs"] or event["available"] > MORE * failed["available"]):
            del memory["failed"]
        if event.get("step_seconds"):
            add_sample(kept, str(count), float(event["step_seconds"]))
    if memory["runs"]:
        write_json(file, data)


def add_failure(file: Path, kind: Kind, runs: int, told: Sequence[Mapping[str, Any]]) -> None:
    """So many at once ran out of memory."""
    data = read_measured(file)
    memory = data.setdefault(kind.key, {}).setdefault(MEMORY, {"runs": {}})
    available = max((int(event["available"]) for event in told), default=0)
    memory["failed"] = {"runs": runs, "available": available}
    write_json(file, data)
