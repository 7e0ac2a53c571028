"""The error on images that aren't trained, at fixed noise levels, as sd-scripts' train_network.py (48d368fa) has it.

Each time with the same noise, so that a run's values can be compared with each other; and with other runs' where
validation_seed says which noise.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import torch

from train_tools.engines.packed.config import RunConfig
from train_tools.engines.packed.data.batches import RunData
from train_tools.engines.packed.data.encoding import Bucket, Encoder
from train_tools.engines.packed.data.wording import At
from train_tools.engines.packed.step.objective import VALIDATED_LEVELS
from train_tools.engines.packed.step.pack import Pack

AFTER_ALL = 2**31  # a step at which no caption is cut short any more
STEP, EPOCH = "step", "epoch"


class Validation:
    """Of all runs of a pack at once; `buckets` hold what is held back."""

    def __init__(self, buckets: Sequence[Bucket], encoder: Encoder) -> None:
        self._buckets = list(buckets)
        self._encoder = encoder

    def due(self, config: RunConfig, epoch: int, step: int, *, ends_epoch: bool) -> list[str]:
        """After which of both a run is measured now."""
        if not self._buckets:
            return []
        every = config.validate_every_n_steps
        found = [STEP] if every and step % every == 0 else []
        return found + ([EPOCH] if ends_epoch and epoch % (config.validate_every_n_epochs or 1) == 0 else [])

    def measure(self, pack: Pack) -> list[float]:
        """The mean error of each run."""
        first = pack.configs[0]
        schedule = [
            (number, part)
            for number, bucket in enumerate(self._buckets)
            for part in range(-(-len(bucket.order) // first.batch_size))
        ][: first.max_validation_steps or None]
        seeds = [
            config.seed if first.validation_seed is None else first.validation_seed for config in pack.configs
        ]
        generators = [torch.Generator().manual_seed(seed) for seed in seeds]
        streams = [
            self._data(config, seed).epoch(schedule, At(1, AFTER_ALL))
            for config, seed in zip(pack.configs, seeds, strict=True)
        ]
        total = torch.zeros(len(seeds), device=pack.device)
        with pack.measured():
            for batches in zip(*streams, strict=True):
                for level in range(VALIDATED_LEVELS):
                    total += pack.losses(list(batches), pack.draw(list(batches), generators, level))
        values: list[float] = (total / (len(schedule) * VALIDATED_LEVELS)).tolist()
        return values

    def _data(self, config: RunConfig, seed: int) -> RunData:
        """Seen as in training, but for epochs without captions."""
        seen = dataclasses.replace(config, seed=seed, caption_dropout_every_n_epochs=0)
        return RunData(seen, self._buckets, 1, self._encoder)
