"""What the choice of a renderer needs to know of a base model; the one place of previews that asks for its family."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from pathlib import Path

from train_tools.arguments.base_family import base_family
from train_tools.engines.packed.support import unsupported_base
from train_tools.errors import TrainToolsError
from train_tools.lora.safetensors_header import read_header

WHOLE = ("sd", "sdxl")  # families whose checkpoints hold all they need
PICKLED = (".ckpt", ".pt")  # from the years of Stable Diffusion 1 and 2; their heads can't be read
OWN_VAE = "first_stage_model."


@dataclass(frozen=True)
class BaseFacts:
    """`is_whole`: of a family whose checkpoints hold VAE and text encoders. `is_drawn`: our own renderer loads it.

    `holds_vae` also where that can't be told.
    """

    title: str
    is_whole: bool
    holds_vae: bool
    is_drawn: bool
    predicts_velocity: bool


def facts_of(base_model: Path) -> BaseFacts:
    """Read once, as long as the file is as it was."""
    try:
        status = base_model.stat()
    except OSError:
        return _facts(base_model, 0, 0)
    return _facts(base_model, status.st_size, status.st_mtime_ns)


@functools.lru_cache(maxsize=256)
def _facts(base_model: Path, _size: int, _changed: int) -> BaseFacts:
    family = base_family(base_model)
    is_whole = family.name in WHOLE or (not family.name and base_model.suffix.lower() in PICKLED)
    title = "Stable Diffusion 2" if family.is_v2 else family.name
    is_drawn = not unsupported_base(family.name, family.is_v2)
    return BaseFacts(title, is_whole, _holds_vae(base_model), is_drawn, family.predicts_velocity)


def _holds_vae(base_model: Path) -> bool:
    if base_model.suffix.lower() in PICKLED or base_model.is_dir():
        return True
    try:
        return any(name.startswith(OWN_VAE) for name in read_header(base_model).tensors)
    except TrainToolsError:
        return True
