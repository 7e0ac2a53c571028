"""FLUX.1: dev, schnell, Krea, Kontext and those that are derived from them."""

from __future__ import annotations

from train_tools.families.interface import Family, Mark, Pictures

WHOLE = ("time_in.in_layer.", "time_text_embed.timestep_embedder.")  # more than a piece of it

FAMILY = Family(
    "flux", "FLUX.1", "flux",
    marks=(
        Mark(("double_blocks.0.img_attn.",)),
        Mark(("transformer_blocks.0.attn.add_k_proj.", "single_transformer_blocks.0.")),
        Mark(("transformer_blocks.0.attn.add_k_proj.", "context_embedder."), ("img_mod.", "ff_context.")),
    ),
    # As sd-scripts tells them apart: schnell isn't told any guidance.
    versions=(
        ("dev", Mark(("guidance_in.in_layer.",))),
        ("dev", Mark(("time_text_embed.guidance_embedder.",))),
        *(("schnell", Mark((piece,))) for piece in WHOLE),
    ),
    channels=(("img_in.weight", 64), ("^x_embedder.weight", 64)),
    classes=("FluxPipeline", "FluxKontextPipeline", "FluxImg2ImgPipeline", "FluxTransformer2DModel"),
    folder="three shards",
    pictures=Pictures(steps=20, guidance=3.5),
    version_pictures={"schnell": Pictures(steps=4)},
)  # fmt: skip
