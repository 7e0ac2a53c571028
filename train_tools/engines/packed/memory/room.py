"""A pack takes as many runs as fit into memory; the others are given back to whoever started them."""

from __future__ import annotations

import math
from collections.abc import Sequence

from train_tools.engines.packed.data.encoding import Bucket, Encoder
from train_tools.engines.packed.life.member import PAUSED, Member
from train_tools.engines.packed.memory.meter import Meter
from train_tools.engines.packed.memory.trial import Fit, MakePack, fitting
from train_tools.families.stable_diffusion.base import BaseModel


class Room:
    """Of one process. `meter` is None where nothing can be measured; then all runs are taken."""

    def __init__(
        self, meter: Meter | None, base: BaseModel, buckets: Sequence[Bucket], encoder: Encoder | None = None
    ) -> None:
        self._meter = meter
        self._encoder = encoder
        self._base = base
        self._buckets = buckets
        self._fit = Fit(0, 0)
        self._told = 0  # bytes

    def look(self, members: Sequence[Member], make: MakePack) -> int:
        """How many of these runs, the first ones, fit at once; what was measured is told in their logs.

        Raises trial.DoesNotFitError where not even one does.
        """
        if self._meter is None:
            return len(members)
        configs = [member.config for member in members]
        fit = self._fit = fitting(configs, self._base, self._buckets, self._meter, make, self._encoder)
        for trial in fit.trials:
            # At several sizes the largest is tried, of which a step takes longer than most.
            seconds = {} if len(configs[0].sizes) > 1 else {"step_seconds": round(trial.seconds, 6)}
            self._write(members, trial.runs, trial.peak, **seconds)
        self._meter.reset()
        self._told = 0
        return fit.runs

    @property
    def most(self) -> float:
        """How many runs fit at once, if there are more than were looked at."""
        return math.inf if self._meter is None else self._fit.most

    def tell(self, members: Sequence[Member]) -> None:
        """While these runs are trained: what they have taken at most; not any more once one of them has left."""
        if self._meter is None or len(members) != self._fit.runs:
            return
        peak = self._meter.peak()
        if peak > self._told:
            self._told = peak
            self._write(members, len(members), peak)

    def _write(self, members: Sequence[Member], runs: int, size: int, **more: float) -> None:
        fit = self._fit
        for member in members:
            member.log.write(
                "memory", runs=runs, bytes=size, available=fit.available, total=fit.total, **more
            )

    @staticmethod
    def give_back(member: Member, fitting: int, wanted: int) -> None:
        """A run that doesn't fit beside `fitting` of `wanted` ones; it is to be trained after these."""
        text = f"{fitting} of {wanted} runs fit into memory at once; this one is trained after them"
        member.log.write("warning", text=text)
        member.end(PAUSED, "paused", epoch=member.epoch, step=member.step, runs=fitting)
