"""A run's past from its events.jsonl: the loss as a thin curve, and what is worth telling. Read as it grows."""

from __future__ import annotations

import math
import threading
from collections import deque
from pathlib import Path
from typing import Any

from train_tools.execution.events import EventReader

MOST_POINTS = 240
MOST_EVENTS = 200


class RunHistory:
    """For several threads. `points` are (step, average loss), at most MOST_POINTS and the latest.

    `events` are all but steps and progress, the newest MOST_EVENTS.
    """

    def __init__(self, folder: Path) -> None:
        self._reader = EventReader(folder)
        self._turn = threading.Lock()
        self._start()

    def _start(self) -> None:
        self._points: list[tuple[int, float]] = []
        self._last: tuple[int, float] | None = None
        self._every = 1  # steps between two points
        self.events: deque[dict[str, Any]] = deque(maxlen=MOST_EVENTS)

    @property
    def points(self) -> list[tuple[int, float]]:
        """The latest step is always the last point."""
        is_behind = self._last is not None and self._points[-1:] != [self._last]
        return [*self._points, self._last] if is_behind and self._last else list(self._points)

    def read(self) -> RunHistory:
        """What was added since; from the beginning where another attempt has begun a new file."""
        with self._turn:
            events = self._reader.read()
            if self._reader.began_anew:
                self._start()
            for event in events:
                if event["event"] == "step":
                    self._take(event)
                elif event["event"] != "progress":
                    self.events.append(event)
        return self

    def _take(self, event: dict[str, Any]) -> None:
        step, loss = event.get("step"), event.get("average_loss")
        if not isinstance(step, int) or not isinstance(loss, (int, float)) or math.isnan(loss):
            return
        if self._last is not None and step <= self._last[0]:  # resumed from an earlier state
            self._points = [point for point in self._points if point[0] < step]
        self._last = (step, float(loss))
        if not self._points or step - self._points[-1][0] >= self._every:
            self._points.append(self._last)
        while len(self._points) > MOST_POINTS:
            self._every *= 2
            self._points = self._points[::2]
