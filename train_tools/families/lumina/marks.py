"""Lumina Image 2.0, Neta Lumina among them. Z-Image has the same names and is wider."""

from __future__ import annotations

from train_tools.families.interface import Family, Pictures, any_of

FAMILY = Family(
    "lumina", "Lumina Image 2.0", "lumina",
    marks=any_of("cap_embedder.", "time_caption_embed.caption_embedder."),
    classes=("Lumina2Pipeline", "Lumina2Text2ImgPipeline", "Lumina2Transformer2DModel"),
    pictures=Pictures(steps=30, cfg_scale=4.0, shift=6.0),
)  # fmt: skip
