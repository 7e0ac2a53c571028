"""FLUX.1: dev, schnell, Krea, Kontext and those that are derived from them."""

from __future__ import annotations

from train_tools.families.flows import ANY_MODULES, CLIP_CLASSES, FLUX_DEFAULTS, STREAM_CLASSES, STREAMS
from train_tools.families.interface import BASE, Family, Mark, Network, Pictures, Training, Words
from train_tools.families.layers import CLIP_L, of_blocks
from train_tools.families.programs import (
    AI_TOOLKIT,
    EASY_TRAINING,
    KOHYA_SS,
    KOHYA_SS_FIELDS,
    ONETRAINER,
    SD_TRAINER,
)

WHOLE = ("time_in.in_layer.", "time_text_embed.timestep_embedder.")  # more than a piece of it

FAMILY = Family(
    "flux", "FLUX.1",
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
    training=Training(
        "flux_train_network.py", ("networks.lora_flux", "networks.oft_flux", *ANY_MODULES),
        (BASE, "clip_l", "t5xxl", "ae"), bucket_step=32, defaults=FLUX_DEFAULTS,
    ),
    network=Network(
        of_blocks(STREAMS, CLIP_L), text_encoders=2, classes=(*STREAM_CLASSES, *CLIP_CLASSES)
    ),
    words=Words(
        also=("flux.1", "flux1", "flux-dev", "flux-schnell", "flux-krea", "kontext", "schnell"),
        in_files=r"^(?!.*chroma).*flux",
        in_metadata=r"^(?!.*chroma).*flux",
        in_tensors=r"double_blocks[._]\d+[._]img_attn[._](?:qkv|proj)\.|single_transformer_blocks",
        programs={
            EASY_TRAINING: ("guidance_scale",),
            ONETRAINER: ("FLUX_DEV_1",), SD_TRAINER: ("flux-lora",), AI_TOOLKIT: ("flux", "is_flux"),
            KOHYA_SS: ("flux1_checkbox", "Flux1", "Flux1 OFT"), KOHYA_SS_FIELDS: ("flux1_",),
        },
        card="Flux",
    ),
)  # fmt: skip
