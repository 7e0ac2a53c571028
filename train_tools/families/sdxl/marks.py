"""Stable Diffusion XL: Illustrious, NoobAI, Pony, Animagine and all others of its line."""

from __future__ import annotations

from train_tools.families.interface import Family, Mark, Part, Pictures
from train_tools.families.unets import FIRST_LAYER, TO_TEXT, UNET, VAE

WIDTH = 2048  # CLIP ViT-L's 768 and OpenCLIP ViT-bigG's 1280
SIZES = 2816  # what its UNet is told of the picture's sizes, and of the whole text

FAMILY = Family(
    "sdxl", "Stable Diffusion XL", "sdxl",
    marks=(
        Mark(("^conditioner.embedders.1.",)),
        *(Mark((blocks,), sides=((TO_TEXT, 1, (WIDTH,)),)) for blocks in UNET),
        Mark(sides=(("label_emb.0.0.weight", 1, (SIZES,)),)),
        Mark(("add_embedding.linear_1.",)),
    ),
    parts=(Part("text encoders", ("^conditioner.embedders.",)), VAE),
    channels=FIRST_LAYER,
    classes=("StableDiffusionXLPipeline",),
    folder="any",
    folder_parts=("unet", "vae", "text_encoder", "text_encoder_2"),
    pictures=Pictures(1024, 8, "Euler a", "Automatic", 28, 5.5),
    version_pictures={"v": Pictures(1024, 8, "Euler", "Automatic", 28, 5.0, rescale=0.7)},
    is_loaded=True,
    is_flow=False,
)  # fmt: skip
