"""What the training scripts of the shipped models share: a time budget, an average, a state file."""

from __future__ import annotations

import copy
import math
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from torch import nn


class Budget:
    """A training loop that ends after some minutes, however fast the machine is.

    Iterating yields the learning-rate factor of each step: a short warm-up, then a cosine
    from 1 to 0 over the minutes. Minutes of earlier starts (`spent_s`) count.
    """

    def __init__(self, minutes: float, spent_s: float = 0.0, warmup_steps: int = 100) -> None:
        self.seconds = minutes * 60
        self.warmup_steps = warmup_steps
        self.started = time.monotonic() - spent_s

    @property
    def spent_s(self) -> float:
        return time.monotonic() - self.started

    def __iter__(self) -> Iterator[float]:
        step = 0
        while (share := self.spent_s / self.seconds) < 1:
            step += 1
            yield min(1.0, step / self.warmup_steps) * 0.5 * (1 + math.cos(math.pi * share))


class Average:
    """Exponential moving average of the parameters of some modules; the weights that are kept."""

    def __init__(self, modules: dict[str, nn.Module], decay: float) -> None:
        self.live = modules
        self.modules = {name: copy.deepcopy(m).requires_grad_(False) for name, m in modules.items()}
        self.decay = decay
        self.steps = 0

    @torch.no_grad()
    def update(self) -> None:
        self.steps += 1
        # Early on the average must forget the random start quickly.
        decay = min(self.decay, (1 + self.steps) / (10 + self.steps))
        for name, averaged in self.modules.items():
            ours, theirs = list(averaged.parameters()), list(self.live[name].parameters())
            torch._foreach_lerp_(ours, theirs, 1 - decay)


def save_state(path: Path, state: dict[str, Any]) -> None:
    """Writes `state` so that a stop at any moment leaves the old or the new file, never half."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_suffix(".tmp")
    torch.save(state, temporary)
    os.replace(temporary, path)
