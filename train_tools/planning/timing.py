"""How long runs will take: from what was measured on this machine, else a guess that says so."""

from __future__ import annotations

import functools
import shutil
import statistics
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from train_tools.arguments.sizes import sizes_of
from train_tools.planning.lora_size import LoraShape
from train_tools.planning.measured import (
    Kind,
    Measured,
    kind_of,
    pack_factor,
    seconds_per_step,
    seconds_to_start,
    sizes_measured,
)

# A step of Stable Diffusion 1.5 (860 M weights) at 64 px, batch 1, on 2 CPU cores takes 1.2 s; the rest is
# overhead of any step. A GPU is taken to be 100 times as fast. Only until this machine has been measured.
GUESSED_OVERHEAD_S = 0.05
GUESSED_S_PER_WEIGHT_AND_LATENT = 1.2 / 860e6 / 64
GUESSED_GPU_FACTOR = 100
GUESSED_START_S = 8  # of a pack: imports, the base model, the latents


class Clock:
    """Seconds for runs; `is_guessing` once one of them was guessed."""

    def __init__(self, measured: Mapping[str, Measured], shape: Callable[[str], LoraShape]) -> None:
        """`shape` is that of a base model by its path."""
        self._measured = measured
        self._shape = shape
        self.is_guessing = False

    def shares(self, engine: str, pack: Sequence[tuple[Mapping[str, Any], int]]) -> list[float]:
        """Each run's share of its pack's time; runs are told with their steps.

        One that has fewer steps leaves before the others, which then go on quicker.
        """
        kind = kind_of(engine, pack[0][0])
        start = seconds_to_start(self._measured, kind)
        shares = [(GUESSED_START_S if start is None else start) / len(pack)] * len(pack)
        order = sorted(range(len(pack)), key=lambda index: pack[index][1])
        done = 0
        for place, index in enumerate(order):
            steps, living = pack[index][1], order[place:]
            if steps > done:
                seconds = (steps - done) * self._step(kind, pack[index][0], len(living))
                for one in living:
                    shares[one] += seconds / len(living)
                done = steps
        return shares

    def sizes_measured(self, engine: str, arguments: Mapping[str, Any]) -> int:
        return sizes_measured(self._measured, kind_of(engine, arguments))

    def _step(self, kind: Kind, arguments: Mapping[str, Any], together: int) -> float:
        step = seconds_per_step(self._measured, kind, together)
        if step is None:
            self.is_guessing = True
            step = guessed(self._shape(arguments["pretrained_model_name_or_path"]), arguments, together)
        return step


@functools.cache
def has_gpu() -> bool:
    return shutil.which("nvidia-smi") is not None


def guessed(shape: LoraShape, arguments: Mapping[str, Any], pack_size: int) -> float:
    """Seconds of one step of a pack."""
    # Of several sizes each has about as many steps.
    latents = statistics.fmean(width * height for width, height in sizes_of(arguments["resolution"])) / 64
    work = (
        GUESSED_S_PER_WEIGHT_AND_LATENT
        * shape.targets.unet_parameters
        * latents
        * int(arguments["train_batch_size"])
    )
    if has_gpu():
        return GUESSED_OVERHEAD_S + work * pack_factor(pack_size) / GUESSED_GPU_FACTOR
    return (GUESSED_OVERHEAD_S + work) * pack_factor(pack_size)
