"""Stable Diffusion 2 as it is loaded, told texts and asked."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from train_tools.families.sd2.family import FAMILY
from train_tools.families.stable_diffusion.base import NO_CHECKER, BaseModel, Sizes
from train_tools.families.stable_diffusion.encoders import TextEncoder
from train_tools.families.stable_diffusion.latents import SCALE


class StableDiffusion2(BaseModel):
    """Its text encoder is read without the last of its 24 layers: that was how it was trained."""

    family = FAMILY
    pipeline = "StableDiffusionPipeline"
    encoders: ClassVar[tuple[TextEncoder, ...]] = (
        TextEncoder(
            "text_encoder", "tokenizer", "cond_stage_model.model.", is_open=True, layers=23, filled_by="!"
        ),
    )
    index: ClassVar[Mapping[str, Any]] = NO_CHECKER
    latent_scale = SCALE
    narrow = Sizes((64, 64, 128, 128), (1, 1, 1, 0), ((64, 24),))
    head_width = 64
