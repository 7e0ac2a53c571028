"""Anima: Cosmos-Predict2's transformer with an adapter for a language model's texts."""

from __future__ import annotations

from train_tools.families.interface import Family, Pictures, any_of

FAMILY = Family(
    "anima",
    "Anima",
    "anima",
    marks=any_of("llm_adapter.blocks.0."),
    prefixes=("", "net."),
    classes=("AnimaPipeline", "AnimaTransformer3DModel"),
    pictures=Pictures(steps=30, cfg_scale=4.5, shift=5.0),
)
