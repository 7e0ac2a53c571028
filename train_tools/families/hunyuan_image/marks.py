"""HunyuanImage-2.1."""

from __future__ import annotations

from train_tools.families.interface import Family, Pictures, any_of

FAMILY = Family(
    "hunyuan_image", "HunyuanImage-2.1", "hunyuan_image",
    marks=any_of("byt5_in.fc1.", "context_embedder_2.linear_1."),
    prefixes=("",),
    classes=("HunyuanImagePipeline", "HunyuanImageTransformer2DModel"),
    pictures=Pictures(steps=30, cfg_scale=3.5, shift=5.0, step=32),
)  # fmt: skip
