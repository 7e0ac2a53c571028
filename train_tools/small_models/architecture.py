"""What the shipped models are made of: Stable Diffusion 1's blocks with narrow widths.

Every number that differs from Stable Diffusion 1.5 is here. The topology is the same,
so kohya's 264 LoRA module names fit.
"""

from __future__ import annotations

from typing import Any

from train_tools.families.stable_diffusion.latents import SCALE

WIDTH = 64  # pixels; the models are trained at WIDTH x WIDTH
TEXT_WIDTH = 64

VAE: dict[str, Any] = {
    "in_channels": 3,
    "out_channels": 3,
    "down_block_types": ["DownEncoderBlock2D"] * 4,
    "up_block_types": ["UpDecoderBlock2D"] * 4,
    # Not below 64: Stable Diffusion normalises in 32 groups, and a group of one channel
    # forgets the mean, that is the colour, of a plain area.
    "block_out_channels": [64, 64, 64, 64],
    # Full-size convolutions are nearly the whole price of this VAE, so it has the fewest that
    # the topology allows: the encoder only shrinks, the decoder has one block a level.
    "layers_per_block": 0,
    "latent_channels": 4,
    "norm_num_groups": 32,
    "sample_size": WIDTH,
    "scaling_factor": SCALE,
}
UNET: dict[str, Any] = {
    "in_channels": 4,
    "out_channels": 4,
    "sample_size": WIDTH // 8,
    "layers_per_block": 2,
    "block_out_channels": [64, 64, 64, 128],
    "down_block_types": ["CrossAttnDownBlock2D"] * 3 + ["DownBlock2D"],
    "up_block_types": ["UpBlock2D"] + ["CrossAttnUpBlock2D"] * 3,
    "cross_attention_dim": TEXT_WIDTH,
    # Diffusers' name for the *number* of heads in Stable Diffusion 1 (8 there).
    "attention_head_dim": 4,
}
TEXT_ENCODER: dict[str, Any] = {
    "vocab_size": 49408,
    "hidden_size": TEXT_WIDTH,
    "intermediate_size": 2 * TEXT_WIDTH,
    "num_hidden_layers": 12,
    "num_attention_heads": 4,
    "max_position_embeddings": 77,
    "hidden_act": "quick_gelu",
    "projection_dim": TEXT_WIDTH,
    "bos_token_id": 49406,
    "eos_token_id": 49407,
    "pad_token_id": 49407,
}
