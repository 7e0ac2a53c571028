"""How long a step took on this machine before: `<root>/train_tools/measured.json`."""

from __future__ import annotations

import statistics
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from train_tools.errors import TrainToolsError
from train_tools.planning.names import base_name
from train_tools.workspace.files import read_json, write_json
from train_tools.workspace.workspace import Version

START = "start"
KEPT = 15  # newest samples of one kind; older ones may be of another driver


@dataclass(frozen=True)
class Kind:
    """What a step's time depends on, but for the number of runs in the pack."""

    engine: str
    base: str
    resolution: str
    batch: int
    precision: str

    @property
    def key(self) -> str:
        return "|".join([self.engine, self.base, self.resolution, str(self.batch), self.precision])


def kind_of(engine: str, arguments: Mapping[str, Any]) -> Kind:
    return Kind(
        engine,
        base_name(str(arguments["pretrained_model_name_or_path"])),
        str(arguments["resolution"]),
        int(arguments["train_batch_size"]),
        str(arguments["mixed_precision"]),
    )


def measured_file(version: Version) -> Path:
    return version.shared_folder / "measured.json"


def read_measured(file: Path) -> dict[str, dict[str, list[float]]]:
    """Kind's key -> pack size -> seconds per step, and `start`; empty where there is no file or it is damaged."""
    try:
        data = read_json(file)
    except (FileNotFoundError, TrainToolsError):
        return {}
    return data if isinstance(data, dict) else {}


def add_measurement(
    file: Path, kind: Kind, pack_size: int, seconds_per_step: float, seconds_before_first: float
) -> None:
    """Adds what a pack took for a step, and before its first one."""
    data = read_measured(file)
    kept = data.setdefault(kind.key, {})
    for name, seconds in ((str(pack_size), seconds_per_step), (START, seconds_before_first)):
        samples = kept.setdefault(name, [])
        samples.append(round(seconds, 6))
        del samples[:-KEPT]
    write_json(file, data)


def seconds_to_start(data: Mapping[str, Mapping[str, list[float]]], kind: Kind) -> float | None:
    """Median of the time from a pack's start to its first step: loading and caching."""
    samples = data.get(kind.key, {}).get(START)
    return statistics.median(samples) if samples else None


def seconds_per_step(
    data: Mapping[str, Mapping[str, list[float]]], kind: Kind, pack_size: int
) -> float | None:
    """Median for packs of `pack_size`, else of the nearest size, scaled; None where nothing is known."""
    medians = {
        int(size): statistics.median(samples)
        for size, samples in data.get(kind.key, {}).items()
        if size.isdigit() and samples
    }
    if not medians:
        return None
    nearest = min(medians, key=lambda size: (abs(size - pack_size), size))
    return medians[nearest] * pack_factor(pack_size) / pack_factor(nearest)


def pack_factor(pack_size: int) -> float:
    """How much longer a step of a pack takes than one of a single run; a rule of thumb."""
    return 1 + 0.18 * (pack_size - 1)
