"""How long a step took on this machine before, and how much memory: `<root>/train_tools/measured.json`."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from train_tools.errors import TrainToolsError
from train_tools.planning.names import base_name
from train_tools.workspace.files import read_json, write_json
from train_tools.workspace.workspace import Version

START = "start"
KEPT = 15  # newest samples of one kind; older ones may be of another driver
# What else a step's memory depends on, and its time.
SHAPING = (
    "gradient_checkpointing", "network_train_unet_only", "network_train_text_encoder_only", "full_bf16", "full_fp16",
    "fp8_base", "fp8_base_unet", "max_token_length", "torch_compile",
)  # fmt: skip

Measured = dict[str, Any]  # of one kind: pack size -> seconds per step, `start`, and what memory.py keeps


@dataclass(frozen=True)
class Kind:
    """What a step's time depends on, but for the number of runs in the pack. `shape` names those of SHAPING that are
    on.
    """

    engine: str
    base: str
    resolution: str
    batch: int
    precision: str
    shape: tuple[str, ...] = ()

    @property
    def key(self) -> str:
        parts = [self.engine, self.base, self.resolution, str(self.batch), self.precision, *self.shape]
        return "|".join(parts)


def kind_of(engine: str, arguments: Mapping[str, Any]) -> Kind:
    on = [(name, arguments.get(name)) for name in SHAPING]
    return Kind(
        engine,
        base_name(str(arguments["pretrained_model_name_or_path"])),
        str(arguments["resolution"]),
        int(arguments["train_batch_size"]),
        str(arguments["mixed_precision"]),
        tuple(name if value is True else f"{name}={value}" for name, value in on if value),
    )


def measured_file(version: Version) -> Path:
    return version.shared_folder / "measured.json"


def read_measured(file: Path) -> dict[str, Measured]:
    """By kinds' keys; empty where there is no file or it is damaged."""
    try:
        data = read_json(file)
    except (FileNotFoundError, TrainToolsError):
        return {}
    if not isinstance(data, dict):
        return {}
    return {key: kept for key, kept in data.items() if isinstance(kept, dict)}


def add_measurement(file: Path, kind: Kind, steps: Mapping[int, float], seconds_before_first: float) -> None:
    """Adds what a process took for a step, by how many runs it trained at once, and before its first one."""
    data = read_measured(file)
    kept = data.setdefault(kind.key, {})
    for pack_size, seconds in steps.items():
        add_sample(kept, str(pack_size), seconds)
    add_sample(kept, START, seconds_before_first)
    write_json(file, data)


def add_sample(kept: Measured, name: str, seconds: float) -> None:
    samples = kept.setdefault(name, [])
    samples.append(round(seconds, 6))
    del samples[:-KEPT]


def seconds_to_start(data: Mapping[str, Measured], kind: Kind) -> float | None:
    """Median of the time from a pack's start to its first step: loading and caching."""
    samples = data.get(kind.key, {}).get(START)
    return statistics.median(samples) if samples else None


def seconds_per_step(data: Mapping[str, Measured], kind: Kind, pack_size: int) -> float | None:
    """Of packs of `pack_size`, measured, or drawn from other sizes; None where nothing is known."""
    medians = _medians(data, kind)
    if not medians:
        return None
    if pack_size in medians:
        return medians[pack_size]
    if len(medians) > 1 and (line := line_through(medians.items())) is not None:
        return line.at(pack_size)
    nearest = min(medians, key=lambda size: (abs(size - pack_size), size))
    return medians[nearest] * pack_factor(pack_size) / pack_factor(nearest)


def sizes_measured(data: Mapping[str, Measured], kind: Kind) -> int:
    """Of how many sizes of packs a step's time is known."""
    return len(_medians(data, kind))


def _medians(data: Mapping[str, Measured], kind: Kind) -> dict[int, float]:
    return {
        int(size): statistics.median(samples)
        for size, samples in data.get(kind.key, {}).items()
        if size.isdigit() and samples
    }


def pack_factor(pack_size: int) -> float:
    """How much longer a step of a pack takes than one of a single run; a rule of thumb until two sizes are measured."""
    return 1 + 0.18 * (pack_size - 1)


@dataclass(frozen=True)
class Line:
    base: float
    each: float

    def at(self, count: int) -> float:
        return self.base + self.each * count


def line_through(points: Iterable[tuple[int, float]]) -> Line | None:
    """The least squares' line, neither of whose numbers is below zero; None through less than two points."""
    known = list(points)
    if len({count for count, _ in known}) < 2:
        return None
    each = max(0.0, statistics.linear_regression(*zip(*known, strict=True)).slope)
    base = statistics.fmean(value - each * count for count, value in known)
    if base < 0:  # more than in proportion: through zero
        each = sum(count * value for count, value in known) / sum(count * count for count, _ in known)
        base = 0.0
    return Line(base, each)
