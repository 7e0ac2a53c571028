"""Which layers LyCORIS' presets train (lycoris/config.py of 3.2.0), by the classes of blocks and by names. No torch."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

TRANSFORMER = ("Transformer2DModel",)
RESIDUAL = ("ResnetBlock2D",)
SAMPLING = ("Downsample2D", "Upsample2D")
# Of families that we don't load, in sd-scripts' code.
STREAMS = (
    "DoubleStreamBlock",
    "SingleStreamBlock",
    "SingleDiTBlock",
    "MMDoubleStreamBlock",
    "MMSingleStreamBlock",
)
TEXT_ATTENTION = ("CLIPAttention", "CLIPSdpaAttention")
TEXT = (*TEXT_ATTENTION, "CLIPMLP")
ENDS = ("conv_in", "conv_out")
TIME = ("time_embedding.linear_1", "time_embedding.linear_2")


@dataclass(frozen=True)
class Preset:
    """`blocks` of the UNet all of whose layers are trained, `layers` of it by their own paths, blocks of `texts`, and
    blocks of `others` in place of a UNet.

    Paths are those of Stable Diffusion 1's UNet; an SDXL UNet of sd-scripts has none that are called so.
    """

    blocks: tuple[str, ...]
    layers: tuple[str, ...] = ()
    texts: tuple[str, ...] = TEXT
    kernels: bool = False
    others: tuple[str, ...] = ()

    def finds(self, classes: Collection[str], *, texts: bool) -> bool:
        """Whether it trains any of such blocks, in a model or, with `texts`, in its text encoders."""
        return not {*self.blocks, *self.others, *(self.texts if texts else ())}.isdisjoint(classes)


PRESETS: Mapping[str, Preset] = {
    "full": Preset((*TRANSFORMER, *RESIDUAL, *SAMPLING), (*ENDS, *TIME), kernels=True, others=STREAMS),
    "full-lin": Preset((*TRANSFORMER, *RESIDUAL), TIME, others=STREAMS),
    "attn-mlp": Preset(TRANSFORMER, others=STREAMS),
    # CrossAttention in sd-scripts' own UNets
    "attn-only": Preset(("Attention",), texts=TEXT_ATTENTION, others=("SelfAttention",)),
    "unet-only": Preset(
        (*TRANSFORMER, *RESIDUAL, *SAMPLING), (*ENDS, *TIME), (), kernels=True, others=STREAMS
    ),
    "unet-transformer-only": Preset(TRANSFORMER, texts=(), others=STREAMS),
    "unet-convblock-only": Preset((*RESIDUAL, *SAMPLING), ENDS, (), kernels=True),
}
