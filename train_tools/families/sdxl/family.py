"""Stable Diffusion XL: Illustrious, NoobAI, Pony, Animagine and all others of its line."""

from __future__ import annotations

from train_tools.families.interface import Activations, Family, Mark, Network, Part, Pictures, Training, Words
from train_tools.families.layers import of_unet
from train_tools.families.programs import (
    AI_TOOLKIT,
    CIVITAI,
    EASY_TRAINING,
    KOHYA_SS,
    KOHYA_SS_FIELDS,
    ONETRAINER,
    SD_TRAINER,
)
from train_tools.families.unets import (
    CLIP_L,
    FIRST_LAYER,
    OPEN_CLIP_G,
    TO_TEXT,
    UNET,
    UNET_MODULES,
    VAE,
    XL_BLOCKS,
    XL_UNET,
    original_paths,
)
from train_tools.lora.names import Names

WIDTH = 2048  # CLIP ViT-L's 768 and OpenCLIP ViT-bigG's 1280
SIZES = 2816  # what its UNet is told of the picture's sizes, and of the whole text

FAMILY = Family(
    "sdxl", "Stable Diffusion XL",
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
    training=Training(
        "sdxl_train_network.py", UNET_MODULES, optional=("vae", "no_half_vae"), bucket_step=32,
        defaults={"resolution": "1024,1024", "max_bucket_reso": 2048, "no_half_vae": True},
        tokenizers=(CLIP_L, OPEN_CLIP_G), is_flow=False, needs_own_vae=True, halves_break=True, largest_rank=32,
        activations=Activations(2_567_463_684, 516_000, 49_300),
    ),
    network=Network(
        of_unet, text_encoders=2, block_counts=XL_BLOCKS, blocks=XL_UNET, text_width=WIDTH,
        names=Names(("lora_te1", "lora_te2"), original_paths),
    ),
    words=Words(
        also=(
            "xl", "pony", "illustrious", "noobai", "noob", "noobai-eps", "noobai-vpred", "wai", "animagine", "hassaku",
            "juggernaut", "realvis",
        ),
        given_with=("cache_text_encoder_outputs", "no_half_vae"),
        in_files=r"xl|pony|illustrious|noob|animagine|hassaku|juggernaut|realvis|wai[-_]?(?:nsfw|ill)",
        in_metadata=r"sdxl|stable-diffusion-xl|sd_xl",
        in_tensors=r"^lora_te2_|transformer_blocks[._]9[._]attn\d|label_emb",
        programs={
            CIVITAI: ("1024",),
            EASY_TRAINING: ("sdxl",),
            ONETRAINER: ("STABLE_DIFFUSION_XL_10_BASE",), SD_TRAINER: ("sdxl-lora",), AI_TOOLKIT: ("sdxl", "is_xl"),
            KOHYA_SS: ("sdxl",), KOHYA_SS_FIELDS: ("sdxl_",),
        },
        card="SDXL",
        version_in_files="sdxl_base_v1-0",
        architecture="stable-diffusion-xl-v1-base",
        implementation="https://github.com/Stability-AI/generative-models",
    ),
    is_loaded=True,
    is_packed=True,
)  # fmt: skip
