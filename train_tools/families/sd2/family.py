"""Stable Diffusion 2.0 and 2.1."""

from __future__ import annotations

import dataclasses

from train_tools.families.interface import Family, Mark, Network, Part, Pictures, Words
from train_tools.families.layers import of_unet
from train_tools.families.programs import AI_TOOLKIT, ONETRAINER
from train_tools.families.unets import (
    FIRST_LAYER,
    FOLDER_FIRST,
    FOLDER_PROJECTION,
    OPEN_CLIP_H,
    SD_BLOCKS,
    SD_TRAINING,
    SD_UNET,
    TO_TEXT,
    UNET,
    VAE,
)

WIDTH = 1024  # of OpenCLIP ViT-H
WIDTH_OF_1 = 768
OTHERS = ("label_emb.", "add_embedding.", "conditioner.embedders.")

FAMILY = Family(
    "sd2", "Stable Diffusion 2",
    marks=(
        *(Mark((blocks,), OTHERS, ((TO_TEXT, 1, (WIDTH,)),)) for blocks in UNET),
        # A narrow one in a folder: what is a matrix here is a convolution of single pixels in 1.
        Mark((FOLDER_FIRST, FOLDER_PROJECTION), OTHERS, (), (
            (FOLDER_PROJECTION, 2, (1,)), (TO_TEXT, 1, (WIDTH_OF_1,)),
        )),
        Mark(("diffusion_model.input_blocks.", "^cond_stage_model.model.")),
    ),
    parts=(Part("text encoder", ("^cond_stage_model.model.",)), VAE),
    channels=FIRST_LAYER,
    classes=("StableDiffusionPipeline",),
    folder="any",
    folder_parts=("unet", "vae", "text_encoder"),
    pictures=Pictures(768, 8, "DDIM", "Automatic", 20, 7.0),
    version_pictures={"v": Pictures(768, 8, "DDIM", "Automatic", 20, 7.0, rescale=0.7)},
    training=dataclasses.replace(
        SD_TRAINING, defaults={"v2": True}, fixed={"v2": True}, tokenizers=(OPEN_CLIP_H,),
        often_velocity=True,
    ),
    network=Network(of_unet, block_counts=SD_BLOCKS, blocks=SD_UNET, text_width=WIDTH),
    words=Words(
        also=("sd2.1", "sd21"),
        in_metadata=r"sd[-_.]?v?2|stable-diffusion-v?2",
        programs={
            ONETRAINER: ("STABLE_DIFFUSION_20", "STABLE_DIFFUSION_20_BASE", "STABLE_DIFFUSION_21",
                         "STABLE_DIFFUSION_21_BASE"),
            AI_TOOLKIT: ("sd2", "is_v2"),
        },
        card="SD2",
        version_in_files="sd_v2{v}",
        architecture="stable-diffusion-v2-{v}",
    ),
    is_loaded=True,
    is_packed=True,
)  # fmt: skip
