"""Judges a run by what it wrote: an engine's word and its exit code have been wrong before."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from train_tools.errors import TrainToolsError
from train_tools.lora.finite import not_finite
from train_tools.lora.safetensors_header import read_header


def problems(folder: Path, checkpoints: Sequence[str], steps: int | None) -> list[str]:
    """One sentence for each fault of the expected files; empty where the run is what was planned.

    `steps` is what the last of `checkpoints` must have been trained for; None where its metadata can't say it.
    Only safetensors files are looked into.
    """
    found = []
    for name in checkpoints:
        path = folder / name
        if not path.is_file():
            found.append(f"the checkpoint {name} is missing")
        elif path.suffix == ".safetensors":
            found += _faults(path, steps if name == checkpoints[-1] else None)
    return found


def _faults(path: Path, steps: int | None) -> list[str]:
    try:
        header = read_header(path)
    except TrainToolsError as error:
        return [str(error)]
    if not header.tensors:
        return [f"{path.name} holds no tensors"]
    found = []
    if steps is not None and header.metadata.get("ss_steps") != str(steps):
        said = header.metadata.get("ss_steps", "nothing")
        found.append(f"{path.name} says {said} for its steps (ss_steps), planned were {steps}")
    bad = not_finite(path, header)
    if bad:
        found.append(
            f"{path.name} holds numbers that aren't finite in {len(bad)} of {len(header.tensors)} tensors"
        )
    return found
