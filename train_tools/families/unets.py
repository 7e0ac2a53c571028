"""What the families with a UNet share: Stable Diffusion 1, 2 and XL."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from train_tools.families.interface import Activations, Blocks, Part, Training
from train_tools.families.stable_diffusion import names

VAE = Part("VAE", ("^first_stage_model.",), "vae")
# How many channels the first layer takes: latents alone, or a mask, a depth map, another picture beside them.
FIRST_LAYER = (("input_blocks.0.0.weight", 4), ("^conv_in.weight", 4))
# The width of the texts that the UNet looks at, in its first layer that looks at texts.
TO_TEXT = "attn2.to_k.weight"
FILE_FIRST = "input_blocks.1.1.transformer_blocks.0.attn2.to_k.weight"
FOLDER_FIRST = "down_blocks.0.attentions.0.transformer_blocks.0.attn2.to_k.weight"
FOLDER_PROJECTION = "down_blocks.0.attentions.0.proj_in.weight"
# What their layers are called, in a checkpoint and in diffusers.
UNET = ("input_blocks.", "^down_blocks.")

# Network modules of sd-scripts that find a UNet's layers.
UNET_MODULES = (
    "networks.lora", "networks.lora_fa", "networks.dylora", "networks.oft", "lycoris.kohya",
)  # fmt: skip
# Tokenizers under the names of sd-scripts' cache.
CLIP_L = "openai_clip-vit-large-patch14"
OPEN_CLIP_G = "laion_CLIP-ViT-bigG-14-laion2B-39B-b160k"
OPEN_CLIP_H = "stabilityai_stable-diffusion-2"
SD_TRAINING = Training(
    "train_network.py", UNET_MODULES, optional=("vae", "v2", "v_parameterization", "clip_skip"), tokenizers=(CLIP_L,),
    is_flow=False, needs_own_vae=True, takes_variants=False, activations=Activations(859_520_964, 305_000, 72_300),
)  # fmt: skip
# How many numbers a list of blocks in network_args holds: Stable Diffusion 1 and 2, and XL.
LISTS = ("block_dims", "block_alphas", "conv_block_dims", "conv_block_alphas")
SD_BLOCKS: Mapping[str, int] = {
    **dict.fromkeys(LISTS, 25), "down_lr_weight": 12, "mid_lr_weight": 1, "up_lr_weight": 12,
}  # fmt: skip
XL_BLOCKS: Mapping[str, int] = {
    **dict.fromkeys(LISTS, 23), "down_lr_weight": 9, "mid_lr_weight": 3, "up_lr_weight": 9,
}  # fmt: skip
SD_UNET = Blocks(12, 1, 12, (1, 2, 4, 5, 7, 8), (3, 4, 5, 6, 7, 8, 9, 10, 11))
XL_UNET = Blocks(9, 3, 9, (4, 5, 7, 8), (0, 1, 2, 3, 4, 5))


def original_paths(paths: Iterable[str]) -> Mapping[str, str]:
    """For each layer of diffusers' UNet the path that it has in an original checkpoint."""
    found = list(paths)
    with_attention = names.up_blocks_with_attention(found)
    return {path: _original(path, with_attention) for path in found}


def _original(path: str, with_attention: Callable[[int], bool]) -> str:
    name = names.unet_name(f"{path}.weight", with_attention)
    return name.removeprefix(names.UNET_PREFIX).removesuffix(".weight")
