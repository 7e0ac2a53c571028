"""Stable Diffusion 2.0 and 2.1."""

from __future__ import annotations

from train_tools.families.interface import Family, Mark, Part, Pictures
from train_tools.families.unets import FIRST_LAYER, TO_TEXT, UNET, VAE

WIDTH = 1024  # of OpenCLIP ViT-H
OTHERS = ("label_emb.", "add_embedding.", "conditioner.embedders.")

FAMILY = Family(
    "sd2", "Stable Diffusion 2", "sd",
    marks=(
        *(Mark((blocks,), OTHERS, ((TO_TEXT, 1, (WIDTH,)),)) for blocks in UNET),
        Mark(("diffusion_model.input_blocks.", "^cond_stage_model.model.")),
    ),
    parts=(Part("text encoder", ("^cond_stage_model.model.",)), VAE),
    channels=FIRST_LAYER,
    classes=("StableDiffusionPipeline",),
    folder="any",
    folder_parts=("unet", "vae", "text_encoder"),
    pictures=Pictures(768, 8, "DDIM", "Automatic", 20, 7.0),
    version_pictures={"v": Pictures(768, 8, "DDIM", "Automatic", 20, 7.0, rescale=0.7)},
    is_loaded=True,
    is_flow=False,
    has_clip_skip=True,
)  # fmt: skip
