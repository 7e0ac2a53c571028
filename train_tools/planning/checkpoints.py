"""Which checkpoints a run writes, under sd-scripts' file names."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def checkpoint_names(arguments: Mapping[str, Any], steps: int) -> list[str]:
    """File names in the order of writing; the last epoch's is the output name itself, without a number.

    `steps` are those of the whole run.
    """
    name = arguments["output_name"]
    ending = arguments.get("save_model_as") or "safetensors"
    epochs = int(arguments["max_train_epochs"])
    every_epochs = arguments.get("save_every_n_epochs")
    every_steps = arguments.get("save_every_n_steps")
    by_epoch = (
        [f"{name}-{epoch:06d}.{ending}" for epoch in range(every_epochs, epochs, every_epochs)]
        if every_epochs
        else []
    )
    by_step = (
        [f"{name}-step{step:08d}.{ending}" for step in range(every_steps, steps + 1, every_steps)]
        if every_steps
        else []
    )
    return [*by_epoch, *by_step, final_checkpoint(arguments)]


def final_checkpoint(arguments: Mapping[str, Any]) -> str:
    return f"{arguments['output_name']}.{arguments.get('save_model_as') or 'safetensors'}"
