"""A pack takes as many runs as fit into memory; the others are given back to whoever started them."""

from __future__ import annotations

from collections.abc import Sequence

from train_tools.engines.events import EventLog
from train_tools.families.stable_diffusion.base import BaseModel

from .config import RunConfig
from .data import Bucket
from .meter import Meter
from .state import Place
from .trial import Fit, MakePack, fitting


class Room:
    """Of one process. `meter` is None where nothing can be measured; then all runs are taken."""

    def __init__(self, meter: Meter | None, base: BaseModel, buckets: Sequence[Bucket]) -> None:
        self._meter = meter
        self._base = base
        self._buckets = buckets

    def look(self, configs: Sequence[RunConfig], logs: Sequence[EventLog], make: MakePack) -> int:
        """How many of these runs, the first ones, fit at once; what was measured is told in their logs.

        Raises trial.DoesNotFit where not even one does.
        """
        if self._meter is None:
            return len(configs)
        fit = fitting(configs, self._base, self._buckets, self._meter, make)
        for trial in fit.trials:
            for log in logs:
                log.write("memory", runs=trial.runs, bytes=trial.peak, step_seconds=round(trial.seconds, 6),
                          **_of(fit))  # fmt: skip
        self._fit = fit
        self._meter.reset()
        return fit.runs

    def tell(self, logs: Sequence[EventLog]) -> None:
        """After the training of these runs: what they took at most."""
        if self._meter is not None:
            peak = self._meter.peak()
            for log in logs:
                log.write("memory", runs=len(logs), bytes=peak, **_of(self._fit))

    def give_back(self, log: EventLog, place: Place, fitting: int, wanted: int) -> None:
        """A run that doesn't fit beside `fitting` of `wanted` ones; it is to be trained after these."""
        log.write("warning", text=f"{fitting} of {wanted} runs fit into memory at once; this one is trained after them")
        log.write("paused", epoch=place.epoch, step=place.step, runs=fitting)


def _of(fit: Fit) -> dict[str, int]:
    return {"available": fit.available, "total": fit.total}
