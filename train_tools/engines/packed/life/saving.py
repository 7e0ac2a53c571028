"""Which checkpoints a run keeps after a step or an epoch, under sd-scripts' names."""

from __future__ import annotations

from dataclasses import dataclass

from train_tools.arguments.checkpoints import of_epoch, of_step
from train_tools.engines.packed.config import RunConfig


@dataclass(frozen=True)
class Due:
    """A file to write, "" none, and one that it replaces."""

    file: str = ""
    instead_of: str = ""


def after_step(config: RunConfig, step: int) -> Due:
    every = config.save_every_n_steps
    if not every or step % every:
        return Due()
    gone = (step - config.save_last_n_steps - 1) // every * every if config.save_last_n_steps else 0
    return Due(of_step(config.output_name, step), of_step(config.output_name, gone) if gone > 0 else "")


def at_end(config: RunConfig) -> Due:
    """The last epoch's checkpoint has no number."""
    return Due(f"{config.output_name}.safetensors")


def after_epoch(config: RunConfig, epoch: int) -> Due:
    """Of an epoch that isn't the last."""
    every = config.save_every_n_epochs
    if config.save_n_epoch_ratio:
        every = config.epochs // config.save_n_epoch_ratio or 1
    if not every or epoch % every:
        return Due()
    gone = epoch - every * config.save_last_n_epochs if config.save_last_n_epochs else 0
    return Due(of_epoch(config.output_name, epoch), of_epoch(config.output_name, gone) if gone > 0 else "")
