"""How long a run trains, and where it begins: epochs, steps, and the place that it goes on from."""

from __future__ import annotations

import dataclasses

from train_tools.engines.packed.config import LAST_STATE, RunConfig
from train_tools.engines.packed.data.batches import batches_per_epoch
from train_tools.engines.packed.data.encoding import Bucket
from train_tools.engines.packed.state import Place, RunState, StateError, read
from train_tools.errors import UsageError

SEEDS = 2**32


def steps_per_epoch(config: RunConfig, buckets: list[Bucket]) -> int:
    """Optimizer steps: the last of an epoch may have fewer batches than the others."""
    return -(-batches_per_epoch(buckets, config.batch_size) // config.gradient_accumulation_steps)


def starting_place(config: RunConfig, buckets: list[Bucket]) -> Place:
    """Of a run without a saved state of its own. Raises UsageError where what it is to go on from isn't there."""
    if config.initial_epoch > 1 or config.resume is None:
        before = (config.initial_epoch - 1) * steps_per_epoch(config, buckets)
        return Place(config.initial_epoch, 0, config.initial_step or before)
    place = kept_state(config, with_tensors=False).place
    return Place(place.epoch, 0, place.step)


def kept_state(config: RunConfig, *, with_tensors: bool = True) -> RunState:
    """What `save_state_on_train_end` kept of the run that this one goes on from."""
    assert config.resume is not None
    try:
        return read(config.resume / LAST_STATE, with_tensors=with_tensors)
    except StateError as error:
        raise UsageError(f"{config.output_name} can't go on from {config.resume}: {error}") from error


def why_not(config: RunConfig, kin: str) -> str:
    """Why the run can't go on from what it is told to; "" where it can."""
    try:
        if kept_state(config, with_tensors=False).identity == kin:
            return ""
    except UsageError as error:
        return str(error)
    return (
        f"{config.output_name} can't go on from {config.resume}: its settings or its base model were others"
    )


def resolved(config: RunConfig, start: Place, buckets: list[Bucket]) -> RunConfig:
    """With the number of its epochs and steps, as sd-scripts counts them: where epochs are given, they count."""
    a_epoch = steps_per_epoch(config, buckets)
    if config.epochs:
        epochs, steps = config.epochs, start.step + (config.epochs - start.epoch + 1) * a_epoch
    else:
        steps = config.max_train_steps
        epochs = start.epoch - 1 - (start.step - steps) // a_epoch
    if steps <= start.step:
        raise UsageError(
            f"{config.output_name} has nothing left to train: it goes on after epoch {start.epoch - 1}, step "
            f"{start.step}; set more epochs"
        )
    # The chances of its later epochs shouldn't be those of the first ones again.
    seed = (config.seed + start.epoch - 1) % SEEDS
    return dataclasses.replace(config, epochs=epochs, max_train_steps=steps, seed=seed)
