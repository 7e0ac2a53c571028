"""A base model of Stable Diffusion 1's topology with random weights, small enough to train in tests."""

from __future__ import annotations

import torch
from diffusers import AutoencoderKL, UNet2DConditionModel
from transformers import CLIPTextConfig, CLIPTextModel

from train_tools.families.sd1.model import StableDiffusion1
from train_tools.families.stable_diffusion import tokenizer
from train_tools.small_models import architecture

WHOLE = {"block_out_channels": [32, 32, 64, 64], "attention_head_dim": 2}
# A training step takes a third of the time.
SHALLOW = {
    "block_out_channels": [32, 64],
    "layers_per_block": 1,
    "down_block_types": ["CrossAttnDownBlock2D", "DownBlock2D"],
    "up_block_types": ["UpBlock2D", "CrossAttnUpBlock2D"],
    "attention_head_dim": 2,
}


def random_base(seed: int = 0) -> StableDiffusion1:
    """Half the shipped model's widths and two text layers."""
    return _made(seed, WHOLE)


def shallow_base(seed: int = 0) -> StableDiffusion1:
    """For tests of training that don't ask for Stable Diffusion 1's own layers: each kind of them is there, in four
    transformers instead of sixteen.
    """
    return _made(seed, SHALLOW)


def _made(seed: int, changes: dict[str, object]) -> StableDiffusion1:
    torch.manual_seed(seed)
    unet = UNet2DConditionModel(**{**architecture.UNET, **changes})
    vae = AutoencoderKL(**{**architecture.VAE, "block_out_channels": [32, 32, 32, 32]})
    text = CLIPTextModel(CLIPTextConfig(**{**architecture.TEXT_ENCODER, "num_hidden_layers": 2}))
    for module in (unet, vae, text):
        module.eval().requires_grad_(False)
    return StableDiffusion1("random", unet, vae, (text,), (tokenizer.shared(),))
