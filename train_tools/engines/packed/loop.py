"""The loop over epochs of one pack: steps, checkpoints, saved states, and a pause where one is asked for."""

from __future__ import annotations

import time
from collections import deque
from typing import Any

import torch

from train_tools.engines.events import EventLog
from train_tools.engines.interface import PAUSE_FILE
from train_tools.lora import kohya

from . import metadata, state
from .data import RunData, epoch_schedule
from .encoding import Encoder
from .pack import Pack
from .saving import Due, after_epoch, after_step
from .state import Place, RunState
from .wording import At

SAVED = {"float": torch.float32, "fp16": torch.float16, "bf16": torch.bfloat16}
RATE_STEPS = 20  # it/s is that of the last steps
STATE_SHARE = 0.05  # saving states takes at most this share of the time, from the second one on


class Loop:
    """Trains a pack from its start, or from where `resume` puts it."""

    def __init__(
        self, pack: Pack, shared: metadata.Shared, logs: list[EventLog], identities: list[str], steps: int
    ) -> None:
        self._pack = pack
        self._shared = shared
        self._logs = logs
        self._identities = identities
        self._steps = steps
        self._start = Place()
        encoder = Encoder(pack.base, pack.configs[0].resize_interpolation)
        self._runs = [RunData(config, shared.buckets, steps, encoder) for config in pack.configs]
        self._sums = [0.0] * len(logs)  # of the epoch's losses
        self._times: deque[float] = deque(maxlen=RATE_STEPS + 1)
        self._saved_at = self._saving_took = 0.0

    def resume(self, states: list[RunState]) -> None:
        """Takes on the states of all runs, which are of one place."""
        self._start = states[0].place
        for index, saved in enumerate(states):
            self._pack.restore(index, saved.tensors, saved.values["schedule"])
            if (scale := self._pack.scale(index)) is not None:
                scale.restore(saved.values["scale"])
            self._runs[index].random_state = saved.values["random"]
            self._sums[index] = saved.values["sum"]
            self._logs[index].write("resumed", epoch=self._start.epoch, step=self._start.step)

    def run(self) -> list[str]:
        """How each run ended: finished, failed or paused."""
        epochs = self._pack.configs[0].epochs
        step, done = self._start.step, self._start.batches
        for epoch in range(self._start.epoch, epochs + 1):
            # A state within an epoch goes back to the epoch's start and draws again what is done.
            randoms = [run.random_state for run in self._runs]
            schedule = epoch_schedule(self._shared.buckets, self._pack.configs[0].batch_size, epoch)
            first = At(epoch, step - done)
            streams = zip(*(run.epoch(schedule, first, done) for run in self._runs), strict=True)
            for number, batches in enumerate(streams, start=done + 1):
                if self._is_asked_to_pause():
                    return self._pause(Place(epoch, number - 1, step), randoms)
                step += 1
                living = list(self._pack.alive)
                losses = self._pack.step(list(batches))
                self._log_step(losses, living, Place(epoch, number, step))
                if not any(self._pack.alive):
                    return self._outcomes()
                # sd-scripts counts the epoch that isn't over yet from 0.
                self._save_due([after_step(config, step) for config in self._pack.configs], epoch - 1, step)
            self._give_up_deleted_runs()
            self._save_due([after_epoch(config, epoch) for config in self._pack.configs], epoch, step)
            if epoch < epochs:
                self._sums, done = [0.0] * len(self._runs), 0
                randoms = [run.random_state for run in self._runs]
                self._save_states(Place(epoch + 1, 0, step), randoms, now=False)
        for index, alive in enumerate(self._pack.alive):
            if alive:
                state.remove(self._pack.configs[index].folder)
                self._logs[index].write("finished")
        return self._outcomes()

    def _log_step(self, losses: list[float], living: list[bool], at: Place) -> None:
        self._times.append(time.monotonic())
        times = self._times
        rate = (len(times) - 1) / (times[-1] - times[0]) if len(times) > 1 else 0.0
        left = (self._steps - at.step) / rate if rate else 0.0
        for index, loss in enumerate(losses):
            config = self._pack.configs[index]
            if self._pack.alive[index]:
                self._sums[index] += loss
                self._logs[index].write(
                    "step", step=at.step, steps=self._steps, epoch=at.epoch, epochs=config.epochs, loss=loss,
                    average_loss=self._sums[index] / at.batches, lr=self._pack.optimizers[index].learning_rate,
                    rate=round(rate, 3), seconds_left=round(left, 1),
                )  # fmt: skip
            elif living[index]:
                error = (
                    f"the loss is {loss} at step {at.step}: the learning rate is too high or an image is damaged; "
                    "this run was stopped, the others go on"
                )
                state.remove(config.folder)  # it would only lead here again
                self._logs[index].write("failed", error=error)
                say(f"{config.output_name}: {error}")

    def _give_up_deleted_runs(self) -> None:
        """Writing on would bring a deleted folder back, without what makes it a run."""
        for index, config in enumerate(self._pack.configs):
            if self._pack.alive[index] and not (config.folder / "run.toml").is_file():
                self._pack.alive[index] = False
                error = "its folder was deleted; this run was stopped, the others go on"
                self._logs[index].write("failed", error=error)
                say(f"{config.output_name}: {error}")

    def _is_asked_to_pause(self) -> bool:
        return any((config.folder / PAUSE_FILE).exists() for config in self._pack.configs)

    def _pause(self, place: Place, randoms: list[list[Any]]) -> list[str]:
        if place.step:
            self._save_states(place, randoms, now=True)
        outcomes = self._outcomes("paused")
        for index, outcome in enumerate(outcomes):
            if outcome == "paused":
                self._logs[index].write("paused", epoch=place.epoch, step=place.step)
        return outcomes

    def _outcomes(self, of_living: str = "finished") -> list[str]:
        return [of_living if alive else "failed" for alive in self._pack.alive]

    def _save_states(self, place: Place, randoms: list[list[Any]], *, now: bool) -> None:
        began = time.monotonic()
        if not now and self._saving_took > STATE_SHARE * (began - self._saved_at):
            return
        states = {}
        for index, config in enumerate(self._pack.configs):
            if self._pack.alive[index]:
                values = {
                    "schedule": self._pack.optimizers[index].schedule,
                    "random": randoms[index],
                    "sum": self._sums[index],
                    **({"scale": scale.state} if (scale := self._pack.scale(index)) is not None else {}),
                }
                tensors = self._pack.tensors(index)
                states[config.folder] = RunState(place, self._identities[index], tensors, values)
        state.save(states)
        self._saved_at = time.monotonic()
        self._saving_took = self._saved_at - began

    def _save_due(self, dues: list[Due], epoch: int, step: int) -> None:
        for index, due in enumerate(dues):
            if self._pack.alive[index] and due.file:
                folder = self._pack.configs[index].folder
                self._save_checkpoint(index, due.file, epoch, step)
                self._logs[index].write("checkpoint", file=due.file, epoch=epoch, step=step)
                say(f"saving checkpoint: {folder / due.file}")
                if due.instead_of:
                    (folder / due.instead_of).unlink(missing_ok=True)

    def _save_checkpoint(self, index: int, name: str, epoch: int, step: int) -> None:
        config = self._pack.configs[index]
        with self._pack.to_be_saved(index):
            tensors = kohya.tensors_of(self._pack.stack, index, SAVED[config.save_precision])
        kohya.write(config.folder / name, tensors, metadata.build(config, self._shared, epoch, step))


def say(text: str) -> None:
    print(text, flush=True)
