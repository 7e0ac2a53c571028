"""Chroma, which was made from FLUX.1 schnell."""

from __future__ import annotations

from train_tools.families.flows import ANY_MODULES, FLUX_DEFAULTS, STREAM_CLASSES, STREAMS
from train_tools.families.interface import BASE, Family, Network, Pictures, Training, Words, any_of
from train_tools.families.layers import of_blocks
from train_tools.families.programs import AI_TOOLKIT, KOHYA_SS_FIELDS, ONETRAINER

FAMILY = Family(
    "chroma", "Chroma",
    marks=any_of("distilled_guidance_layer."),
    classes=("ChromaPipeline", "ChromaTransformer2DModel"),
    pictures=Pictures(steps=30, cfg_scale=4.0),
    training=Training(
        "flux_train_network.py", ("networks.lora_flux", *ANY_MODULES), (BASE, "t5xxl", "ae"), bucket_step=32,
        defaults={**FLUX_DEFAULTS, "model_type": "chroma", "apply_t5_attn_mask": True, "guidance_scale": 0.0,
                  "timestep_sampling": "sigmoid"},
        fixed={"model_type": "chroma"},
    ),
    network=Network(of_blocks(STREAMS), classes=STREAM_CLASSES),
    words=Words(
        also=("chroma1", "chroma-hd", "chroma-base"),
        in_files=r"chroma",
        in_metadata=r"chroma",
        programs={ONETRAINER: ("CHROMA_1",), AI_TOOLKIT: ("chroma",), KOHYA_SS_FIELDS: ("flux1_",)},
    ),
)  # fmt: skip
