"""Stable Diffusion 3 and 3.5. sd-scripts reads one file with the names of a checkpoint."""

from __future__ import annotations

from train_tools.families.interface import Family, Mark, Part, Pictures, any_of

FAMILY = Family(
    "sd3", "Stable Diffusion 3", "sd3",
    marks=any_of("joint_blocks.0.context_block.", "transformer_blocks.0.ff_context.net.0.proj.", lacks=("img_mod.",
                 "single_transformer_blocks.")),
    versions=(
        ("3.5 medium", Mark((".x_block.attn2.",))),
        ("3.5 large", Mark((".context_block.attn.ln_k.",))),
    ),
    parts=(
        Part("text encoder CLIP-L", ("text_encoders.clip_l.",), "clip_l"),
        Part("text encoder CLIP-G", ("text_encoders.clip_g.",), "clip_g"),
        Part("text encoder T5-XXL", ("text_encoders.t5xxl.",), "t5xxl"),
        Part("VAE", ("^first_stage_model.",), "vae"),
    ),
    prefixes=("model.diffusion_model.",),
    classes=("StableDiffusion3Pipeline", "SD3Transformer2DModel"),
    pictures=Pictures(steps=28, cfg_scale=4.5, shift=3.0),
)  # fmt: skip
