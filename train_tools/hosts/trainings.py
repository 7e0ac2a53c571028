"""What the trainings beside a host say of themselves, again and again, and what is wished of them in turn.

The one truth about who has the GPU lies with the training's process: it tells every host that it finds, so a host that
was restarted or reloaded knows as much as one that wasn't. What isn't told any more is over.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from typing import Any

from train_tools.hosts.interface import HostError, HostProgress

LEASE_S = 15.0  # since it was last told
TRAINING, PAUSED = STATES = ("training", "paused")


@dataclass(frozen=True)
class Told:
    """Of one process: it trains the runs `first` to `last` of `total`, and is through with `percent` of them.

    `is_held` is false while it still waits for the host's memory, and where the host keeps it.
    """

    id: str
    state: str
    first: int = 1
    last: int = 1
    total: int = 1
    percent: float = 0.0
    is_held: bool = False

    @classmethod
    def of(cls, given: Mapping[str, Any]) -> Told:
        """Raises HostError where it isn't one."""
        try:
            told = cls(**{field.name: given[field.name] for field in fields(cls) if field.name in given})
            if told.state not in STATES:
                raise ValueError(told.state)
        except (TypeError, ValueError) as error:
            raise HostError(
                "a training said something strange; is Train Tools the same in both places?"
            ) from error
        return told


class Trainings:
    """`progress` is the host's own. `may_pause` says whether a picture that is asked for pauses the training,
    `go_on_after` after how many seconds without pictures a paused one goes on, None where only a person says so.
    """

    def __init__(
        self,
        progress: Callable[[], HostProgress],
        may_pause: Callable[[], bool],
        go_on_after: Callable[[], float | None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._progress = progress
        self._may_pause = may_pause
        self._go_on_after = go_on_after
        self._clock = clock
        self._lock = threading.Lock()
        self._told: dict[str, tuple[float, Told]] = {}
        self._is_pause_wished = False
        self._idle_since = 0.0

    def shown(self) -> list[Told]:
        with self._lock:
            return self._current()

    @property
    def is_pause_wished(self) -> bool:
        return self._is_pause_wished

    def tell(self, told: Told) -> bool:
        """Takes in what a training says; returns whether it is to be paused."""
        progress = self._progress()
        with self._lock:
            current = self._current()
            before = next((old for old in current if old.id == told.id), None)
            self._told[told.id] = (self._clock(), told)
            if not current:
                # One whose host was reloaded stays paused in the new one, and a wish is no later training's.
                self._is_pause_wished = told.state == PAUSED
            if told.state == PAUSED:
                self._go_on_when_idle(progress, is_new=before is None or before.state != PAUSED)
            elif before is not None and before.state == PAUSED:
                self._is_pause_wished = False  # it was told to go on elsewhere
            elif progress.waiting and told.is_held and self._may_pause():
                self._is_pause_wished = True
            return self._is_pause_wished

    def _go_on_when_idle(self, progress: HostProgress, *, is_new: bool) -> None:
        now = self._clock()
        if is_new or not progress.is_idle:
            self._idle_since = now
        after = self._go_on_after()
        if after is not None and now - self._idle_since >= after:
            self._is_pause_wished = False

    def gone(self, number: str) -> None:
        """It has ended."""
        with self._lock:
            self._told.pop(number, None)
            if not self._current():
                self._is_pause_wished = False

    def pause(self) -> None:
        """Raises HostError where nothing is trained."""
        with self._lock:
            if not self._current():
                raise HostError("no training runs beside this webui just now")
            self._is_pause_wished = True

    def go_on(self) -> None:
        with self._lock:
            self._is_pause_wished = False

    def _current(self) -> list[Told]:
        since = self._clock() - LEASE_S
        self._told = {number: found for number, found in self._told.items() if found[0] >= since}
        return [told for _, told in self._told.values()]
