"""What the families with a UNet share: Stable Diffusion 1, 2 and XL."""

from __future__ import annotations

from train_tools.families.interface import Part

VAE = Part("VAE", ("^first_stage_model.",), "vae")
# How many channels the first layer takes: latents alone, or a mask, a depth map, another picture beside them.
FIRST_LAYER = (("input_blocks.0.0.weight", 4), ("^conv_in.weight", 4))
# The width of the texts that the UNet looks at, in its first layer that looks at texts.
TO_TEXT = "attn2.to_k.weight"
FILE_FIRST = "input_blocks.1.1.transformer_blocks.0.attn2.to_k.weight"
FOLDER_FIRST = "down_blocks.0.attentions.0.transformer_blocks.0.attn2.to_k.weight"
# What their layers are called, in a checkpoint and in diffusers.
UNET = ("input_blocks.", "^down_blocks.")
