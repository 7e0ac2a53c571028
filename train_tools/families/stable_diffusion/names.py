"""Names of the same tensors of a UNet and a VAE in the two layouts of a Stable Diffusion model.

*diffusers*: a folder with `unet/`, `vae/`, `text_encoder/`, as diffusers names its modules.
*original*: one file with CompVis' names (`model.diffusion_model.…`), as the webui loads it.
The tables hold every name prefix that differs; whatever they don't name is equal in both.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable

UNET_PREFIX = "model.diffusion_model."
VAE_PREFIX = "first_stage_model."
LEVELS = 4  # resolutions in the VAE
BLOCKS = 2  # residual blocks on each of the UNet's levels

UNET_RESNET = {
    "norm1": "in_layers.0",
    "conv1": "in_layers.2",
    "time_emb_proj": "emb_layers.1",
    "norm2": "out_layers.0",
    "conv2": "out_layers.3",
    "conv_shortcut": "skip_connection",
}
UNET_ENDS = {
    "conv_in.": "input_blocks.0.0.",
    "time_embedding.linear_1.": "time_embed.0.",
    "time_embedding.linear_2.": "time_embed.2.",
    "add_embedding.linear_1.": "label_emb.0.0.",
    "add_embedding.linear_2.": "label_emb.0.2.",
    "conv_norm_out.": "out.0.",
    "conv_out.": "out.2.",
    "mid_block.resnets.0.": "middle_block.0.",
    "mid_block.attentions.0.": "middle_block.1.",
    "mid_block.resnets.1.": "middle_block.2.",
}
VAE_ATTENTION = {"group_norm": "norm", "to_q": "q", "to_k": "k", "to_v": "v", "to_out.0": "proj_out"}


def unet_name(name: str, with_attention: Callable[[int], bool]) -> str:
    """The original name of a UNet tensor of diffusers.

    `with_attention(i)` tells whether up block i has attentions: its upsampler stands
    behind them in the original's list of layers.
    """
    for ours, theirs in UNET_ENDS.items():
        if name.startswith(ours):
            rest = name[len(ours) :]
            return UNET_PREFIX + theirs + (_renamed(rest, UNET_RESNET) if ".resnets." in ours else rest)
    found = re.match(
        r"(down|up)_blocks\.(\d)\.(resnets|attentions|downsamplers|upsamplers)\.(\d)\.(.*)", name
    )
    if not found:
        raise ValueError(f"{name} is no tensor of a UNet of Stable Diffusion")
    side, block, kind, index, rest = found[1], int(found[2]), found[3], int(found[4]), found[5]
    if kind == "downsamplers":
        return f"{UNET_PREFIX}input_blocks.{(BLOCKS + 1) * (block + 1)}.0.{rest.replace('conv.', 'op.')}"
    if kind == "upsamplers":
        place = 2 if with_attention(block) else 1
        return f"{UNET_PREFIX}output_blocks.{(BLOCKS + 1) * block + BLOCKS}.{place}.{rest}"
    number = (BLOCKS + 1) * block + index
    layer = f"input_blocks.{number + 1}" if side == "down" else f"output_blocks.{number}"
    part = 0 if kind == "resnets" else 1
    return f"{UNET_PREFIX}{layer}.{part}.{_renamed(rest, UNET_RESNET) if part == 0 else rest}"


def vae_name(name: str) -> str:
    """The original name of a VAE tensor of diffusers."""
    name = name.replace("conv_norm_out", "norm_out").replace("conv_shortcut", "nin_shortcut")
    name = re.sub(r"down_blocks\.(\d)\.resnets\.(\d)", r"down.\1.block.\2", name)
    name = re.sub(r"down_blocks\.(\d)\.downsamplers\.0", r"down.\1.downsample", name)
    name = re.sub(
        r"up_blocks\.(\d)\.resnets\.(\d)", lambda m: f"up.{LEVELS - 1 - int(m[1])}.block.{m[2]}", name
    )
    name = re.sub(r"up_blocks\.(\d)\.upsamplers\.0", lambda m: f"up.{LEVELS - 1 - int(m[1])}.upsample", name)
    name = re.sub(r"mid_block\.resnets\.(\d)", lambda m: f"mid.block_{int(m[1]) + 1}", name)
    if ".mid_block.attentions.0." in name:
        head, rest = name.split("mid_block.attentions.0.")
        name = f"{head}mid.attn_1.{_renamed(rest, VAE_ATTENTION)}"
    return VAE_PREFIX + name


def is_vae_attention_matrix(original: str) -> bool:
    """True for the VAE's attention weights: 1x1 convolutions there, matrices in diffusers."""
    return bool(re.search(r"mid\.attn_1\.(q|k|v|proj_out)\.weight$", original))


def up_blocks_with_attention(names: Iterable[str]) -> Callable[[int], bool]:
    """Reads off diffusers' names which up blocks have attentions."""
    blocks = {int(n.split(".")[1]) for n in names if re.match(r"up_blocks\.\d\.attentions\.", n)}
    return lambda block: block in blocks


def _renamed(rest: str, table: dict[str, str]) -> str:
    for ours, theirs in table.items():
        # The table's words stand between dots: `norm1` must not hit `norm10`.
        rest = re.sub(rf"(^|\.){re.escape(ours)}\.", rf"\g<1>{theirs}.", rest)
    return rest
