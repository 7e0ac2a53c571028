"""Stable Diffusion 3 and 3.5. sd-scripts reads one file with the names of a checkpoint."""

from __future__ import annotations

from train_tools.families.flows import ANY_MODULES, CLIP_CLASSES, FLOW
from train_tools.families.interface import (
    Family,
    Mark,
    Network,
    Part,
    Pictures,
    Training,
    Words,
    any_of,
)
from train_tools.families.layers import CLIP_G, CLIP_L, of_blocks
from train_tools.families.programs import AI_TOOLKIT, KOHYA_SS, KOHYA_SS_FIELDS, ONETRAINER, SD_TRAINER

FAMILY = Family(
    "sd3", "Stable Diffusion 3",
    marks=any_of("joint_blocks.0.context_block.", "transformer_blocks.0.ff_context.net.0.proj.", lacks=("img_mod.",
                 "single_transformer_blocks.")),
    versions=(
        ("3.5 medium", Mark((".x_block.attn2.",))),
        ("3.5 large", Mark((".context_block.attn.ln_k.",))),
    ),
    parts=(
        Part("text encoder CLIP-L", ("text_encoders.clip_l.",), "clip_l", must_be_apart=True),
        Part("text encoder CLIP-G", ("text_encoders.clip_g.",), "clip_g", must_be_apart=True),
        Part("text encoder T5-XXL", ("text_encoders.t5xxl.",), "t5xxl", must_be_apart=True),
        Part("VAE", ("^first_stage_model.",), "vae"),
    ),
    prefixes=("model.diffusion_model.",),
    classes=("StableDiffusion3Pipeline", "SD3Transformer2DModel"),
    # As the cards draw with them.
    pictures=Pictures(steps=28, cfg_scale=4.5, shift=3.0),
    version_pictures={
        "3.5 medium": Pictures(steps=40, cfg_scale=4.5, shift=3.0),
        "3.5 large": Pictures(steps=28, cfg_scale=3.5, shift=3.0),
    },
    training=Training(
        "sd3_train_network.py", ("networks.lora_sd3", *ANY_MODULES), optional=("clip_l", "clip_g", "t5xxl", "vae"),
        bucket_step=32, defaults={**FLOW, "network_module": "networks.lora_sd3"},
    ),
    network=Network(
        of_blocks(r"joint_blocks\.\d+\.", CLIP_L + CLIP_G), text_encoders=3, classes=("SingleDiTBlock", *CLIP_CLASSES)
    ),
    words=Words(
        also=("sd3.5", "sd35"),
        in_files=r"sd[-_.]?3|stable-diffusion-3",
        in_metadata=r"sd3|stable-diffusion-3|sd[-_.]?3",
        in_tensors=r"joint_blocks[._]\d+",
        programs={
            ONETRAINER: ("STABLE_DIFFUSION_3", "STABLE_DIFFUSION_35"), SD_TRAINER: ("sd3-lora",),
            AI_TOOLKIT: ("sd3", "is_v3"), KOHYA_SS: ("sd3_checkbox",), KOHYA_SS_FIELDS: ("sd3_",),
        },
        card="SD3",
    ),
)  # fmt: skip
