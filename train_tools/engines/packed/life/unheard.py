"""Losses that aren't read yet: they are heard while the next batch is computed, as who reads them waits for the GPU."""

from __future__ import annotations

from dataclasses import dataclass, field

from train_tools.engines.packed.life.member import Member
from train_tools.engines.packed.step.pack import Late


@dataclass(frozen=True)
class Ended:
    """A member's step that `batches` of its epoch end, at a rate in steps a second, 0 where none is known yet."""

    member: Member
    batches: int
    learning_rate: float
    rate: float
    lengths: Late | None

    def tell(self) -> None:
        """Once its losses are heard, before those of the next one are."""
        member, config = self.member, self.member.config
        left = config.max_train_steps - member.step
        pace = {"rate": round(self.rate, 3), "seconds_left": round(left / self.rate, 1)} if self.rate else {}
        member.log.write(
            "step", step=member.step, steps=config.max_train_steps, epoch=member.epoch, epochs=config.epochs,
            loss=sum(member.losses) / len(member.losses), average_loss=member.total / self.batches,
            lr=self.learning_rate, **pace, **self._of_lengths(),
        )  # fmt: skip
        member.losses.clear()

    def _of_lengths(self) -> dict[str, float]:
        if self.lengths is None:
            return {}
        count, average, longest = self.lengths.values()
        return {"keys_scaled": int(count), "average_norm": average, "max_norm": longest}


@dataclass(frozen=True)
class Unheard:
    """A batch whose losses aren't read yet, and the steps that end with it."""

    losses: Late
    ended: list[Ended] = field(default_factory=list)
