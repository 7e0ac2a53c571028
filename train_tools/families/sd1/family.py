"""Stable Diffusion 1, NovelAI's among them. Narrow models of the same build count, too."""

from __future__ import annotations

from train_tools.families.interface import Family, Mark, Network, Part, Pictures, Words
from train_tools.families.layers import of_unet
from train_tools.families.programs import AI_TOOLKIT, CIVITAI, ONETRAINER, SD_TRAINER
from train_tools.families.unets import (
    FILE_FIRST,
    FIRST_LAYER,
    FOLDER_FIRST,
    SD_BLOCKS,
    SD_TRAINING,
    SD_UNET,
    TO_TEXT,
    UNET,
    VAE,
)

# Those of 2 are 1024 wide (OpenCLIP ViT-H), XL's UNet looks at texts from its second level on.
WIDTH = 768  # of CLIP ViT-L
OTHERS = ("label_emb.", "add_embedding.", "conditioner.embedders.", "cond_stage_model.model.")

FAMILY = Family(
    "sd1", "Stable Diffusion 1",
    marks=(
        Mark((FILE_FIRST,), OTHERS),
        Mark((FOLDER_FIRST,), OTHERS),
        *(Mark((blocks,), OTHERS, ((TO_TEXT, 1, (WIDTH,)),)) for blocks in UNET),
        Mark(("diffusion_model.input_blocks.", "^cond_stage_model.transformer."), OTHERS),
    ),
    parts=(Part("text encoder", ("^cond_stage_model.transformer.",)), VAE),
    channels=FIRST_LAYER,
    classes=("StableDiffusionPipeline",),
    folder="any",
    folder_parts=("unet", "vae", "text_encoder"),
    pictures=Pictures(512, 8, "DDIM", "Automatic", 20, 5.0),
    training=SD_TRAINING,
    network=Network(of_unet, block_counts=SD_BLOCKS, blocks=SD_UNET, text_width=WIDTH),
    words=Words(
        also=("sd", "sd1.5", "sd15", "nai", "anything", "counterfeit"),
        in_metadata=r"sd[-_.]?v?1|stable-diffusion-v?1|^sd$",
        programs={
            CIVITAI: ("512",),
            ONETRAINER: ("STABLE_DIFFUSION_15",), SD_TRAINER: ("sd-lora",), AI_TOOLKIT: ("sd1", "sd15"),
        },
        card="SD1",
        version_in_files="sd_v1{v}",
        architecture="stable-diffusion-v1",
    ),
    is_loaded=True,
    is_packed=True,
)  # fmt: skip
