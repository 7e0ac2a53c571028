"""Stable Diffusion 1 as it is loaded, told texts and asked."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from train_tools.families.sd1.family import FAMILY
from train_tools.families.stable_diffusion.base import NO_CHECKER, BaseModel, Sizes
from train_tools.families.stable_diffusion.encoders import TextEncoder
from train_tools.families.stable_diffusion.latents import SCALE


class StableDiffusion1(BaseModel):
    family = FAMILY
    pipeline = "StableDiffusionPipeline"
    encoders: ClassVar[tuple[TextEncoder, ...]] = (
        TextEncoder("text_encoder", "tokenizer", "cond_stage_model.transformer."),
    )
    index: ClassVar[Mapping[str, Any]] = NO_CHECKER
    webui_text = "ldm.modules.encoders.modules.FrozenCLIPEmbedder"
    latent_scale = SCALE
    narrow = Sizes((64, 64, 64, 128), (1, 1, 1, 0), ((64, 12),))
    heads = 8
