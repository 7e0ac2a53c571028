"""A base model of Stable Diffusion 1's topology with random weights, small enough to train in tests."""

from __future__ import annotations

import torch
from diffusers import AutoencoderKL, UNet2DConditionModel
from transformers import CLIPTextConfig, CLIPTextModel

from train_tools.families.sd1.model import StableDiffusion1
from train_tools.families.stable_diffusion import tokenizer
from train_tools.small_models import architecture


def random_base(seed: int = 0) -> StableDiffusion1:
    """Half the shipped model's widths and two text layers."""
    torch.manual_seed(seed)
    widths = {"block_out_channels": [32, 32, 64, 64], "attention_head_dim": 2}
    unet = UNet2DConditionModel(**{**architecture.UNET, **widths})
    vae = AutoencoderKL(**{**architecture.VAE, "block_out_channels": [32, 32, 32, 32]})
    text = CLIPTextModel(CLIPTextConfig(**{**architecture.TEXT_ENCODER, "num_hidden_layers": 2}))
    for module in (unet, vae, text):
        module.eval().requires_grad_(False)
    return StableDiffusion1("random", unet, vae, (text,), (tokenizer.shared(),))
