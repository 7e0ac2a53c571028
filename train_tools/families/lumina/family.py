"""Lumina Image 2.0, Neta Lumina among them. Z-Image has the same names and is wider."""

from __future__ import annotations

from train_tools.families.flows import ANY_MODULES, FLOW
from train_tools.families.interface import BASE, Family, Network, Pictures, Training, Words, any_of
from train_tools.families.layers import of_blocks
from train_tools.families.programs import AI_TOOLKIT, KOHYA_SS, KOHYA_SS_FIELDS, SD_TRAINER

FAMILY = Family(
    "lumina", "Lumina Image 2.0",
    marks=any_of("cap_embedder.", "time_caption_embed.caption_embedder."),
    classes=("Lumina2Pipeline", "Lumina2Text2ImgPipeline", "Lumina2Transformer2DModel"),
    pictures=Pictures(steps=30, cfg_scale=4.0, shift=6.0),
    training=Training(
        "lumina_train_network.py", ("networks.lora_lumina", *ANY_MODULES), (BASE, "gemma2", "ae"), bucket_step=16,
        defaults={**FLOW, "network_module": "networks.lora_lumina"},
    ),
    network=Network(
        of_blocks(r"(?:layers|noise_refiner|context_refiner)\.\d+\.|final_layer\."), classes=("JointTransformerBlock",)
    ),
    words=Words(
        also=("lumina2", "lumina-image-2.0", "neta", "neta-lumina", "netayume"),
        in_files=r"lumina|neta[-_]?yume",
        in_metadata=r"lumina",
        programs={
            SD_TRAINER: ("lumina-lora", "lumina2-lora"), AI_TOOLKIT: ("lumina2", "is_lumina2"),
            KOHYA_SS: ("lumina_checkbox", "Lumina"), KOHYA_SS_FIELDS: ("lumina_",),
        },
    ),
)  # fmt: skip
