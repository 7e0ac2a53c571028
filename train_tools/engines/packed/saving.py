"""Which checkpoints a run keeps after a step or an epoch, under sd-scripts' names."""

from __future__ import annotations

from dataclasses import dataclass

from .config import RunConfig

ENDING = "safetensors"


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
    return Due(_of_step(config, step), _of_step(config, gone) if gone > 0 else "")


def after_epoch(config: RunConfig, epoch: int) -> Due:
    """The last epoch's checkpoint has no number."""
    if epoch == config.epochs:
        return Due(f"{config.output_name}.{ENDING}")
    every = config.save_every_n_epochs
    if config.save_n_epoch_ratio:
        every = config.epochs // config.save_n_epoch_ratio or 1
    if not every or epoch % every:
        return Due()
    gone = epoch - every * config.save_last_n_epochs if config.save_last_n_epochs else 0
    return Due(_of_epoch(config, epoch), _of_epoch(config, gone) if gone > 0 else "")


def _of_epoch(config: RunConfig, epoch: int) -> str:
    return f"{config.output_name}-{epoch:06d}.{ENDING}"


def _of_step(config: RunConfig, step: int) -> str:
    return f"{config.output_name}-step{step:08d}.{ENDING}"
