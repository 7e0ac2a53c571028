"""Loads a base model of a family that our own programs train and draw, offline."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch

from train_tools.errors import UsageError
from train_tools.families.detect import detect, told
from train_tools.families.interface import Found, Prediction
from train_tools.families.sd1.model import StableDiffusion1
from train_tools.families.sd2.model import StableDiffusion2
from train_tools.families.sdxl.model import StableDiffusionXL
from train_tools.families.stable_diffusion.base import BaseModel
from train_tools.families.stable_diffusion.building import Place
from train_tools.families.stable_diffusion.checkpoint import from_checkpoint
from train_tools.families.stable_diffusion.folder import from_folder

CPU = torch.device("cpu")
KINDS: Mapping[str, type[BaseModel]] = {
    kind.family.name: kind for kind in (StableDiffusion1, StableDiffusion2, StableDiffusionXL)
}


def load(
    path: Path,
    *,
    vae: Path | None = None,
    family: str = "",
    prediction: Prediction = "",
    zero_snr: bool | None = None,
    device: torch.device = CPU,
    dtype: torch.dtype = torch.float32,
    vae_dtype: torch.dtype | None = None,
) -> BaseModel:
    """The model of a checkpoint file or a diffusers folder, with the VAE of another file where `vae` is given.

    `family`, `prediction` and `zero_snr` are what a person says; left out, the file tells. Raises UsageError where the
    file is missing, damaged, or a model of another family.
    """
    if not path.exists():
        raise UsageError(f"the base model {path} is missing; choose a checkpoint file or a diffusers folder")
    found = told(detect(path), family)
    kind = _kind_of(path, found)
    build = from_folder if path.is_dir() else from_checkpoint
    parts = build(kind, path, vae, Place(device, dtype, vae_dtype or dtype)).frozen()
    return kind(
        path.name if path.is_dir() else path.stem,
        parts.unet,
        parts.vae,
        parts.text_encoders,
        parts.tokenizers,
        prediction or found.prediction or "epsilon",
        found.zero_snr if zero_snr is None else zero_snr,
    )


def _kind_of(path: Path, found: Found) -> type[BaseModel]:
    if found.fault is not None:
        raise UsageError(f"the base model {path} is {found.fault.what}; {found.fault.instead}")
    if found.family is None or found.family.name not in KINDS:
        raise UsageError(
            f"the base model {path} is a {found.title} model, which our own programs don't load; "
            "sd-scripts trains and draws with it"
        )
    return KINDS[found.family.name]
