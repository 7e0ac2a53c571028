"""By how much the losses of one run are multiplied, so that half precision holds their gradients.

The rule and the figures are those of torch.amp.GradScaler, which accelerate uses for sd-scripts.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any


@dataclass
class LossScale:
    """`good` counts the steps since it changed."""

    value: float = 65536.0
    good: int = 0
    growth: float = 2.0
    backoff: float = 0.5
    interval: int = 2000

    def heard(self, is_finite: bool) -> None:
        """After each step: whether all gradients were finite. Else the step is left out."""
        if not is_finite:
            self.value *= self.backoff
            self.good = 0
            return
        self.good += 1
        if self.good == self.interval:
            self.value *= self.growth
            self.good = 0

    @property
    def state(self) -> dict[str, Any]:
        return asdict(self)

    def restore(self, state: dict[str, Any]) -> None:
        self.value, self.good = float(state["value"]), int(state["good"])
