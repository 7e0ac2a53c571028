"""A run in a pack: where it stands, and what is its alone, whatever pack it is in."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from train_tools.engines.events import EventLog
from train_tools.engines.interface import FINISH_FILE
from train_tools.engines.packed import state
from train_tools.engines.packed.config import RunConfig
from train_tools.engines.packed.data.batches import Batch, RunData
from train_tools.engines.packed.data.wording import At

FINISHED, FAILED, PAUSED = "finished", "failed", "paused"
LEFT = "left"  # paused alone, while the others went on


@dataclass(eq=False)
class Member:
    """`config` says how many epochs and steps it trains. `step` are done in all, in epoch `epoch`. `kin` stands for all
    that a kept state must share with a run that goes on from it.

    `random` is where its chances stood at the epoch's start: a state within an epoch goes back to there and draws
    again what is done. `total` is the sum of the epoch's losses, `losses` those of the step that is being done.
    `outcome` is how it ended, "" while it is trained.
    """

    config: RunConfig
    log: EventLog
    identity: str
    kin: str
    data: RunData
    epoch: int = 1
    step: int = 0
    total: float = 0.0
    random: list[Any] = field(default_factory=list)
    losses: list[float] = field(default_factory=list)
    outcome: str = ""
    batches: Iterator[Batch] = field(default_factory=lambda: iter(()))

    def begin_epoch(self, schedule: list[tuple[int, int]], done: int) -> None:
        """`done` of its batches were trained already."""
        self.random = self.data.random_state
        steps_done = done // self.config.gradient_accumulation_steps
        self.batches = self.data.epoch(schedule, At(self.epoch, self.step - steps_done), done)

    def end_epoch(self) -> None:
        self.epoch += 1
        self.total = 0.0
        self.random = self.data.random_state

    @property
    def is_through(self) -> bool:
        return self.step >= self.config.max_train_steps

    def is_asked(self, file: str) -> bool:
        """By a file of that name in its folder."""
        return (self.config.folder / file).exists()

    @property
    def is_to_finish(self) -> bool:
        """After its epoch, as a person asked."""
        try:
            text = (self.config.folder / FINISH_FILE).read_text(encoding="utf-8").strip()
        except OSError:
            return False
        return not text.isdigit() or self.epoch >= int(text)

    def fail(self, error: str) -> None:
        """It would only be led here again by its state."""
        state.remove(self.config.folder)
        self.end(FAILED, "failed", error=error)
        say(f"{self.config.output_name}: {error}")

    def end(self, outcome: str, event: str, **values: Any) -> None:
        self.outcome = outcome
        self.log.write(event, **values)
        self.log.close()  # nothing more is told of it, and the folder is another's to move


def say(text: str) -> None:
    print(text, flush=True)
