"""How many runs are trained at once, and why: by the memory that they take, and the time, as measured here before."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from train_tools.arguments.current import argument_named
from train_tools.arguments.values import parse_values
from train_tools.planning.lora_size import LoraShape
from train_tools.planning.measured import Measured, kind_of
from train_tools.planning.memory import activation_bytes, memory_bytes, trained_bytes
from train_tools.planning.memory_measured import Known, known
from train_tools.planning.timing import Clock
from train_tools.workspace import settings
from train_tools.workspace.workspace import Version

AUTO = "auto"
USUAL, MOST = 8, 16  # runs that are taken at once by themselves: before anything is measured, and after
LOOKED_AT = 64  # runs of a large grid, to choose for all of it
SLOWER = 1.03  # times as long is as quick: then the smaller pack is taken, whose results come earlier

Arguments = Mapping[str, Any]


@dataclass(frozen=True)
class Together:
    """At most `most` runs at once; `why`, in a sentence, empty where there is but one run."""

    most: int
    why: str = ""


class Packing:
    """Of one plan. `asked` is the setting pack_size: auto, or a number."""

    def __init__(
        self, measured: Mapping[str, Measured], shape: Callable[[str], LoraShape], clock: Clock, asked: str
    ) -> None:
        self._measured = measured
        self._shape = shape
        self._clock = clock
        self._asked = asked

    def choose(self, engine: str, runs: Sequence[tuple[Arguments, int]]) -> Together:
        """For runs that may share a pack, each with its steps."""
        if self._asked != AUTO:
            return Together(int(self._asked))
        if len(runs) == 1:
            return Together(USUAL)
        heaviest = max((arguments for arguments, _ in runs), key=self._trained)
        found = self._known(engine, heaviest)
        limit = min(len(runs), USUAL if found is None else MOST)
        fitting = self._fitting(found, heaviest, limit)
        quickest, is_timed = self._quickest(engine, runs, fitting)
        if quickest < fitting:
            return Together(quickest, self._slower(quickest, fitting, engine, runs))
        return Together(fitting, self._memory_of(found, heaviest, fitting, limit, is_timed))

    def memory(self, engine: str, pack: Sequence[Arguments]) -> tuple[int, Known | None]:
        """Bytes that a pack takes, and what was measured of it; None: it is an estimate.

        All its LoRAs count as the one that needs most, as they are padded to its rank.
        """
        heaviest = max(pack, key=self._trained)
        found = self._known(engine, heaviest)
        if found is None:
            return memory_bytes(self._shape_of(heaviest), heaviest, len(pack)), None
        return round(self._bytes(found, heaviest, len(pack))), found

    def _known(self, engine: str, arguments: Arguments) -> Known | None:
        found = known(self._measured, kind_of(engine, arguments))
        return found if found is not None and (found.runs or found.too_many) else None

    def _fitting(self, found: Known | None, heaviest: Arguments, limit: int) -> int:
        if found is None:
            return limit
        each, trained = activation_bytes(self._shape_of(heaviest), heaviest), self._trained(heaviest)
        if found.too_many:  # as the queue halves them
            limit = min(limit, max(1, found.too_many // 2))
        return max((count for count in range(1, limit + 1) if found.fits(count, each, trained)), default=1)

    def _quickest(self, engine: str, runs: Sequence[tuple[Arguments, int]], most: int) -> tuple[int, bool]:
        """The fewest at once that are about as quick as any, and whether that was measured."""
        if self._clock.sizes_measured(engine, runs[0][0]) < 2:
            return most, False
        times = {count: self._seconds(engine, runs, count) for count in range(1, most + 1)}
        best = min(times.values())
        return min(count for count, seconds in times.items() if seconds <= SLOWER * best), True

    def _seconds(self, engine: str, runs: Sequence[tuple[Arguments, int]], count: int) -> float:
        """Of all runs, or the first of many, `count` at once."""
        runs = runs[:LOOKED_AT]
        packs = [runs[i : i + count] for i in range(0, len(runs), count)]
        return sum(sum(self._clock.shares(engine, pack)) for pack in packs)

    def _slower(self, quickest: int, fitting: int, engine: str, runs: Sequence[tuple[Arguments, int]]) -> str:
        times = self._seconds(engine, runs, fitting) / self._seconds(engine, runs, quickest)
        who = f"{quickest} runs at once" if quickest > 1 else "one run after another"
        if times > 1:
            return f"{who}: {fitting} at once would take {times:.2f} times as long, as measured here"
        return f"{who}: {fitting} at once would be hardly quicker, as measured here"

    def _memory_of(
        self, found: Known | None, heaviest: Arguments, count: int, limit: int, is_timed: bool
    ) -> str:
        who = f"{count} runs at once" if count > 1 else "one run after another"
        if found is None or not found.runs:
            if found is not None:
                return f"{who}: {found.too_many} at once ran out of memory here"
            size = memory_bytes(self._shape_of(heaviest), heaviest, count) / 1e9
            return f"{who}: about {size:.1f} GB, a guess until one is trained here; what doesn't fit waits"
        size, room = self._bytes(found, heaviest, count) / 1e9, found.available / 1e9
        measured = f"{who}: {size:.1f} of {room:.1f} GB by what was measured here on {found.on}"
        if count == limit:
            return measured + (", and the quickest" if is_timed else "")
        if found.too_many:
            return f"{measured}; {found.too_many} ran out of memory"
        return f"{measured}; {limit} would take {self._bytes(found, heaviest, limit) / 1e9:.1f} GB"

    def _bytes(self, found: Known, arguments: Arguments, count: int) -> float:
        each = activation_bytes(self._shape_of(arguments), arguments)
        return found.bytes(count, each, self._trained(arguments))

    def _trained(self, arguments: Arguments) -> float:
        return trained_bytes(self._shape_of(arguments), arguments)

    def _shape_of(self, arguments: Arguments) -> LoraShape:
        return self._shape(str(arguments["pretrained_model_name_or_path"]))


def share(waiting: int, most: int, free: int) -> int:
    """How many of the runs that wait make the next pack, of at most `most`, where `free` GPUs take one each.

    Two small packs at the same time are done before a large one.
    """
    return min(most, math.ceil(waiting / free))


def pack_size(version: Version) -> int:
    """The setting of that name, as a number before there is a plan."""
    option = argument_named("pack_size")
    given = settings.read(version)["training"].get(option.name, "")
    asked = parse_values(option, given)[0] if given != "" else option.default
    return USUAL if asked == AUTO else int(asked)
