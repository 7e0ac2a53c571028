"""Which layers LyCORIS' presets train (lycoris/config.py of 3.2.0), by the classes of blocks and by names. No torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

TRANSFORMER = ("Transformer2DModel",)
RESIDUAL = ("ResnetBlock2D",)
SAMPLING = ("Downsample2D", "Upsample2D")
TEXT_ATTENTION = ("CLIPAttention", "CLIPSdpaAttention")
TEXT = (*TEXT_ATTENTION, "CLIPMLP")
ENDS = ("conv_in", "conv_out")
TIME = ("time_embedding.linear_1", "time_embedding.linear_2")


@dataclass(frozen=True)
class Preset:
    """`blocks` of the UNet all of whose layers are trained, `layers` of it by their own paths, blocks of `texts`.

    Paths are those of Stable Diffusion 1's UNet; an SDXL UNet of sd-scripts has none that are called so.
    """

    blocks: tuple[str, ...]
    layers: tuple[str, ...] = ()
    texts: tuple[str, ...] = TEXT
    kernels: bool = False


PRESETS: Mapping[str, Preset] = {
    "full": Preset((*TRANSFORMER, *RESIDUAL, *SAMPLING), (*ENDS, *TIME), kernels=True),
    "full-lin": Preset((*TRANSFORMER, *RESIDUAL), TIME),
    "attn-mlp": Preset(TRANSFORMER),
    "attn-only": Preset(("Attention",), texts=TEXT_ATTENTION),  # CrossAttention in sd-scripts' own UNets
    "unet-only": Preset((*TRANSFORMER, *RESIDUAL, *SAMPLING), (*ENDS, *TIME), (), kernels=True),
    "unet-transformer-only": Preset(TRANSFORMER, texts=()),
    "unet-convblock-only": Preset((*RESIDUAL, *SAMPLING), ENDS, (), kernels=True),
}
