"""Chroma, which was made from FLUX.1 schnell."""

from __future__ import annotations

from train_tools.families.interface import Family, Pictures, any_of

FAMILY = Family(
    "chroma",
    "Chroma",
    "chroma",
    marks=any_of("distilled_guidance_layer."),
    classes=("ChromaPipeline", "ChromaTransformer2DModel"),
    pictures=Pictures(steps=30, cfg_scale=4.0),
)
