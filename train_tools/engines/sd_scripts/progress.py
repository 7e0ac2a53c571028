"""A run's events from what sd-scripts prints and writes for TensorBoard."""

from __future__ import annotations

import math
import re
import time
from collections.abc import Mapping
from typing import Any

from train_tools.engines.events import EventLog
from train_tools.engines.sd_scripts.output import Bar
from train_tools.engines.sd_scripts.scalars import ScalarReader
from train_tools.errors import TrainToolsError

LOADING, CACHING, TRAINING = "loading", "caching", "training"
CACHES = re.compile(r"caching (?:latents|text encoder outputs)", re.IGNORECASE)
BEGINS = re.compile(r"epoch (\d+)/(\d+)$")
TOTAL = re.compile(r"total optimization steps.*: (\d+)$")
WITHOUT_SCALARS_S = 15.0  # after the first step; then bars alone must do
# A loss that isn't a number may be one bad step in fp16, which the loss scaler leaves out; so many in a row aren't.
MOST_BROKEN = 10
RATES = ("lr/unet", "lr/textencoder", "lr/all")


def stage_of(line: str) -> str:
    """The stage that begins with this line; empty for all others."""
    if CACHES.match(line):
        return CACHING
    return TRAINING if BEGINS.match(line) else ""


class Progress:
    """`steps` and `epochs` are those of the whole run; `before` were trained before sd-scripts was started."""

    def __init__(self, log: EventLog, scalars: ScalarReader, steps: int, epochs: int, before: int) -> None:
        self._log = log
        self._scalars = scalars
        self._steps = steps
        self._epochs = epochs
        self._values: dict[int, dict[str, float]] = {}
        self._told = before
        self._before = before
        self._bar: Bar | None = None
        self._first_bar = 0.0
        self._has_scalars = False
        self._stage = ""
        self._broken: list[int] = []  # the last steps in a row whose loss isn't a number
        for _ in scalars.read():  # of earlier processes
            pass

    @property
    def place(self) -> tuple[int, int]:
        """Epoch and step of the last event."""
        return self._epoch(self._told), self._told

    def stage(self, name: str) -> None:
        if name != self._stage:
            self._stage = name
            self._log.write("stage", stage=name)

    def take(self, item: Bar | str) -> None:
        """Raises TrainToolsError where the steps aren't those that were planned."""
        if isinstance(item, Bar):
            self._first_bar = self._first_bar or time.monotonic()
            self._bar = item
        elif stage := stage_of(item):
            self.stage(stage)
        elif (found := TOTAL.match(item)) and int(found[1]) != self._steps:
            raise TrainToolsError(
                f"sd-scripts would train {found[1]} steps where {self._steps} were planned: the images or the number "
                "of GPUs aren't what they were; plan the run again"
            )

    def look(self) -> None:
        """Tells of the steps that were done since it was asked last.

        Raises TrainToolsError where the loss hasn't been a number for ten steps.
        """
        for scalar in self._scalars.read():
            self._values.setdefault(scalar.step, {})[scalar.tag] = scalar.value
            self._has_scalars = True
        for step in sorted(self._values):
            values = self._values.pop(step)
            if step > self._told and "loss/current" in values:
                self._tell(step, values["loss/current"], values.get("loss/average"), values)
        late = time.monotonic() - self._first_bar > WITHOUT_SCALARS_S
        if self._bar is not None and not self._has_scalars and late:
            step, average = self._before + self._bar.step, self._bar.values.get("avr_loss")
            if step > self._told:
                self._tell(step, average, average, {})

    def _tell(
        self, step: int, loss: float | None, average: float | None, values: Mapping[str, float]
    ) -> None:
        self._told = step
        event: dict[str, Any] = {
            "step": step, "steps": self._steps, "epoch": self._epoch(step), "epochs": self._epochs,
        }  # fmt: skip
        event |= {"loss": loss, "average_loss": average, "lr": _rate(values)}
        if self._bar is not None and self._bar.rate:
            event["rate"] = round(self._bar.rate, 3)
            event["seconds_left"] = round((self._steps - step) / self._bar.rate, 1)
        # JSON has no NaN.
        self._log.write("step", **{n: v for n, v in event.items() if v is not None and math.isfinite(v)})
        if values:
            self._judge(step, loss)

    def _judge(self, step: int, loss: float | None) -> None:
        if loss is None or math.isfinite(loss):
            self._broken = []
            return
        if not self._broken:
            self._log.write("warning", text=f"the loss is {loss} at step {step}")
        self._broken.append(step)
        if len(self._broken) >= MOST_BROKEN:
            raise TrainToolsError(self.broken())

    def broken(self) -> str:
        """Why the run is worthless; empty where its last loss is a number."""
        if not self._broken:
            return ""
        return (
            f"the loss is no number (NaN) from step {self._broken[0]} on: the learning rate is too high, an image is "
            "damaged, or mixed_precision is too small; this run was stopped"
        )

    def _epoch(self, step: int) -> int:
        per_epoch = max(1, self._steps // max(1, self._epochs))
        return min(self._epochs, max(0, step - 1) // per_epoch + 1) if step else 0


def _rate(values: Mapping[str, float]) -> float | None:
    known = [values[name] for name in RATES if name in values]
    return known[0] if known else next((v for n, v in values.items() if n.startswith("lr/")), None)
