"""How many runs fit into memory at once: measured with a step of one run, and of two, before a pack is made."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch

from train_tools.engines.packed.config import RunConfig
from train_tools.engines.packed.data.batches import Batch, RunData
from train_tools.engines.packed.data.encoding import Bucket, Encoder
from train_tools.engines.packed.data.wording import At
from train_tools.engines.packed.memory.meter import Meter
from train_tools.engines.packed.step.pack import Pack
from train_tools.errors import TrainToolsError, is_out_of_memory
from train_tools.families.stable_diffusion.base import BaseModel
from train_tools.lora.targets import targets_of

HEADROOM = 0.07  # of what is available: holes between the pieces, and another program's next picture
STEPS = 3  # of a trial: the optimizer takes its memory at the first, the last are timed
# The heaviest first, by what an optimizer keeps for each number.
HEAVY, LIGHT = ("prodigy", "dadapt"), ("lion", "8bit", "adafactor", "sgd")

# Of activations in the size of the UNet's first level. A step of Stable Diffusion 1.5 keeps 480 by count, one of
# Stable Diffusion XL 810.
LEVELS = 1500
NUMBER_BYTES = 40  # for each trained number: it, its gradient, and the most that an optimizer keeps

MakePack = Callable[[list[RunConfig]], Pack]


@dataclass(frozen=True)
class Trial:
    """Of `runs` at once: the peak in bytes, and seconds a step."""

    runs: int
    peak: int
    seconds: float


@dataclass(frozen=True)
class Fit:
    """`runs` fit at once, of all that were asked for, and `most` if there were more; what was measured, in bytes."""

    runs: int
    most: int
    trials: tuple[Trial, ...] = ()
    available: int = 0
    total: int = 0


class DoesNotFitError(TrainToolsError):
    """Not even one run fits."""


def fitting(
    configs: Sequence[RunConfig],
    base: BaseModel,
    buckets: Sequence[Bucket],
    meter: Meter,
    make: MakePack,
    encoder: Encoder | None = None,
) -> Fit:
    """How many of these runs fit at once. `make` makes a pack of some of them. Nothing is tried where all surely fit.

    Raises DoesNotFitError where not even one does.
    """
    heaviest = max(configs, key=_weight)
    batch = _largest_batch(heaviest, buckets, encoder)
    available, held = meter.available(), meter.held()
    limit = int(available * (1 - HEADROOM))
    most = _count(limit, held, most_for_a_run(heaviest, batch, base))
    if most >= len(configs):
        return Fit(len(configs), most, (), available, meter.total)
    one = _measured([heaviest], batch, meter, make)
    if one is None:
        raise DoesNotFitError(
            f"one run alone needs more than the {available / 1e9:.1f} GB of memory that are free; set "
            "gradient_checkpointing, or a smaller train_batch_size or resolution"
        )
    # What one run adds to the base model bounds what each further one adds.
    added = one.peak - held
    most, trials = _count(limit, held, added), [one]
    if 1 < len(configs) > most and one.peak + added < available:
        two = _measured([heaviest] * 2, batch, meter, make)
        if two is not None:
            each = two.peak - one.peak
            most = _count(limit, one.peak - each, each)
            trials.append(two)
    most = max(1, most)
    return Fit(min(most, len(configs)), most, tuple(trials), available, meter.total)


def most_for_a_run(config: RunConfig, batch: Batch, base: BaseModel) -> int:
    """Bytes that a run surely doesn't take more of beside the base model."""
    samples, _, height, width = batch.latents.shape
    level = samples * height * width * base.unet.config.block_out_channels[0]
    size = base.dtype.itemsize if config.mixed_precision == "no" else 2
    sides = sum(t.in_features + t.out_features for t in targets_of(base, base.family.network.names))
    return level * size * LEVELS + config.network_dim * sides * NUMBER_BYTES


def _count(limit: int, base: int, each: int) -> int:
    return max(0, limit - base) // max(1, each)


def _measured(configs: list[RunConfig], batch: Batch, meter: Meter, make: MakePack) -> Trial | None:
    """None where they don't fit. Nothing of it is left."""
    meter.reset()
    try:
        pack = make(configs)
        seconds = []
        with pack.stack.attached():
            for _ in range(STEPS):
                began = time.perf_counter()
                pack.step([batch] * len(configs))
                _wait(pack.device)
                seconds.append(time.perf_counter() - began)
        return Trial(len(configs), meter.peak(), min(seconds[1:]))
    except (RuntimeError, MemoryError) as error:
        if not is_out_of_memory(error):
            raise
        return None
    finally:
        pack = None  # type: ignore[assignment]
        gc.collect()
        meter.reset()


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def _weight(config: RunConfig) -> tuple[bool, int, int]:
    name = config.optimizer.lower()
    kept = 2 if name.startswith(HEAVY) else 0 if any(word in name for word in LIGHT) else 1
    return config.network.norms, config.network_dim, kept


def _largest_batch(config: RunConfig, buckets: Sequence[Bucket], encoder: Encoder | None) -> Batch:
    def numbers(bucket: Bucket) -> int:
        return bucket.size[0] * bucket.size[1] * min(config.batch_size, len(bucket.order))

    index = max(range(len(buckets)), key=lambda one: numbers(buckets[one]))
    return next(RunData(config, list(buckets), 1, encoder).epoch([(index, 0)], At(1, 0)))
