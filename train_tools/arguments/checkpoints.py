"""Which checkpoints a run writes, under sd-scripts' file names."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def checkpoint_names(arguments: Mapping[str, Any], steps: int, epochs: int = 0) -> list[str]:
    """File names in the order of writing; the last epoch's is the output name itself, without a number.

    `steps` and `epochs` are those of the whole run, 0 epochs: max_train_epochs. Those that a later one replaces
    (save_last_n_epochs, save_last_n_steps) aren't among them, nor those of before initial_epoch.
    """
    name = arguments["output_name"]
    ending = arguments.get("save_model_as") or "safetensors"
    last = epochs or int(arguments["max_train_epochs"])
    first, before = int(arguments.get("initial_epoch") or 1), int(arguments.get("initial_step") or 0)
    by_epoch = [of_epoch(name, epoch, ending) for epoch in kept_epochs(arguments, last) if epoch >= first]
    by_step = [of_step(name, step, ending) for step in kept_steps(arguments, steps) if step > before]
    return [*by_epoch, *by_step, final_checkpoint(arguments)]


def of_epoch(name: str, epoch: int, ending: str = "safetensors") -> str:
    return f"{name}-{epoch:06d}.{ending}"


def of_step(name: str, step: int, ending: str = "safetensors") -> str:
    return f"{name}-step{step:08d}.{ending}"


def kept_epochs(arguments: Mapping[str, Any], epochs: int) -> list[int]:
    every = arguments.get("save_every_n_epochs")
    if ratio := arguments.get("save_n_epoch_ratio"):
        every = epochs // ratio or 1
    saved = list(range(every, epochs, every)) if every else []
    last = arguments.get("save_last_n_epochs")
    return saved[-last:] if last else saved


def kept_steps(arguments: Mapping[str, Any], steps: int) -> list[int]:
    """sd-scripts takes one away with each that it saves: the newest that is more than save_last_n_steps older."""
    every = arguments.get("save_every_n_steps")
    saved = list(range(every, steps + 1, every)) if every else []
    last = arguments.get("save_last_n_steps")
    if not last:
        return saved
    gone = {(step - last - 1) // every * every for step in saved}
    return [step for step in saved if step not in gone]


def final_checkpoint(arguments: Mapping[str, Any]) -> str:
    return f"{arguments['output_name']}.{arguments.get('save_model_as') or 'safetensors'}"
