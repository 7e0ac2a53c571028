"""A base model of SDXL's topology with random weights, narrow and shallow enough to draw with in tests."""

from __future__ import annotations

from typing import Any

import torch
from diffusers import AutoencoderKL, UNet2DConditionModel
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection

from train_tools.families.sdxl.model import StableDiffusionXL
from train_tools.families.stable_diffusion import tokenizer
from train_tools.families.stable_diffusion.latents import SCALE_XL
from train_tools.small_models import architecture

TEXT, TEXT_2, SIZES = 32, 64, 8
# SDXL's own: widths 320, 640, 1280 and depths 1 (unused), 2, 10.
UNET: dict[str, Any] = {
    "in_channels": 4,
    "out_channels": 4,
    "sample_size": 128,
    "layers_per_block": 2,
    "block_out_channels": [32, 64, 64],
    "down_block_types": ["DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"],
    "up_block_types": ["CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"],
    "transformer_layers_per_block": [1, 1, 2],
    "attention_head_dim": [1, 2, 2],
    "use_linear_projection": True,
    "cross_attention_dim": TEXT + TEXT_2,
    "addition_embed_type": "text_time",
    "addition_time_embed_dim": SIZES,
    "projection_class_embeddings_input_dim": TEXT_2 + 6 * SIZES,
}


def random_xl(prediction: Any = "epsilon", zero_snr: bool = False, seed: int = 0) -> StableDiffusionXL:
    torch.manual_seed(seed)
    unet = UNet2DConditionModel(**UNET)
    vae = {"block_out_channels": [32, 32, 32, 32], "scaling_factor": SCALE_XL}
    texts = [
        kind(
            CLIPTextConfig(
                **{
                    **architecture.TEXT_ENCODER, "num_hidden_layers": layers, "hidden_size": width,
                    "intermediate_size": 2 * width, "projection_dim": width, "hidden_act": act,
                }
            )
        )
        for kind, width, layers, act in (
            (CLIPTextModel, TEXT, 2, "quick_gelu"),
            (CLIPTextModelWithProjection, TEXT_2, 3, "gelu"),
        )
    ]  # fmt: skip
    parts = unet, AutoencoderKL(**{**architecture.VAE, **vae}), *texts
    for module in parts:
        module.eval().requires_grad_(False)
    words = tokenizer.shared(), tokenizer.shared("!")
    return StableDiffusionXL("random-xl", parts[0], parts[1], tuple(texts), words, prediction, zero_snr)
