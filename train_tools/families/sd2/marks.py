"""Stable Diffusion 2.0 and 2.1."""

from __future__ import annotations

from train_tools.families.interface import Family, Mark, Part
from train_tools.families.unets import FILE_FIRST, FIRST_LAYER, FOLDER_FIRST, VAE

WIDTH = 1024  # of OpenCLIP ViT-H

FAMILY = Family(
    "sd2", "Stable Diffusion 2", "sd",
    marks=(
        Mark(sides=((FILE_FIRST, 1, (WIDTH,)),), lacks=("label_emb.",)),
        Mark(sides=((FOLDER_FIRST, 1, (WIDTH,)),), lacks=("add_embedding.",)),
        Mark(("diffusion_model.input_blocks.", "^cond_stage_model.model.")),
    ),
    parts=(Part("text encoder", ("^cond_stage_model.model.",)), VAE),
    channels=FIRST_LAYER,
    classes=("StableDiffusionPipeline",),
    folder="any",
)  # fmt: skip
