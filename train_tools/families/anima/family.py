"""Anima: Cosmos-Predict2's transformer with an adapter for a language model's texts."""

from __future__ import annotations

from train_tools.families.flows import ANY_MODULES, FLOW
from train_tools.families.interface import BASE, Family, Network, Pictures, Training, Words, any_of
from train_tools.families.layers import of_blocks
from train_tools.families.programs import ANIMA_STUDIO, KOHYA_SS, KOHYA_SS_FIELDS, ONETRAINER, SD_TRAINER

FAMILY = Family(
    "anima", "Anima",
    marks=any_of("llm_adapter.blocks.0."),
    prefixes=("", "net."),
    classes=("AnimaPipeline", "AnimaTransformer3DModel"),
    # Its card: about a megapixel, 30 to 50 steps, CFG 4 to 5; the shift as ComfyUI and Forge Neo have it, and
    # sd-scripts' samples.
    pictures=Pictures(steps=30, cfg_scale=4.5, shift=3.0),
    training=Training(
        "anima_train_network.py", ("networks.lora_anima", *ANY_MODULES), (BASE, "qwen3", "vae"),
        ("llm_adapter_path", "t5_tokenizer_path"), 16, {**FLOW, "network_module": "networks.lora_anima"},
    ),
    network=Network(of_blocks(r"(?<!adapter\.)blocks\.\d+\.(?!.*_modulation)"), classes=("Block",)),
    words=Words(
        in_files=r"anima(?!g)",
        in_metadata=r"anima",
        in_tensors=r"llm_adapter[._]|blocks[._]\d+[._]cross_attn[._]output_proj",
        programs={
            ONETRAINER: ("ANIMA",), SD_TRAINER: ("anima-lora",), ANIMA_STUDIO: ("anima",),
            KOHYA_SS: ("anima_checkbox", "Anima"), KOHYA_SS_FIELDS: ("anima_",),
        },
    ),
)  # fmt: skip
