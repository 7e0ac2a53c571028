"""Block weights that looked best, as learning rates of the blocks: a guide's way to train what was tried first (S3.35).

`down_lr_weight`, `mid_lr_weight` and `up_lr_weight` of networks.lora multiply a block's learning rate; Stable Diffusion
1 and 2 have 12, 1 and 12 of them, XL 9, 3 and 9, in the order of the block weights' IN00 … OUT11.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from train_tools.families.block_weights import IN, MID, OUT, parse
from train_tools.families.detect import detect

MODULE = "networks.lora"
NAMES = ("down_lr_weight", "mid_lr_weight", "up_lr_weight")


def block_changes(text: str, arguments: Mapping[str, Any]) -> tuple[dict[str, str], list[tuple[str, str]]]:
    """Settings that train with these weights, and sentences; no settings where all blocks weigh 1 or it can't be."""
    family = detect(Path(str(arguments.get("pretrained_model_name_or_path", "")))).family
    of = family.network.blocks if family is not None else None
    blocks = parse(text, of)
    if all(weight == 1 for weight in blocks[IN:]):
        return {}, []
    if arguments.get("network_module", MODULE) != MODULE or of is None:
        english = (
            "Blocks can be trained at rates of their own only with networks.lora on Stable Diffusion 1, 2 "
            "and XL; keep the block weights for the prompt."
        )
        return {}, [
            (
                english,
                "仅 Stable Diffusion 1、2 与 XL 的 networks.lora 可为各层设置学习率；请在提示词中使用分层权重。",
            )
        ]
    parts = (blocks[IN : IN + of.inputs], blocks[MID:OUT] * of.middles, blocks[OUT : OUT + of.outputs])
    mine = [f"{name}={','.join(f'{w:g}' for w in part)}" for name, part in zip(NAMES, parts, strict=True)]
    given = arguments.get("network_args") or []
    others = (
        [str(word) for word in given if not str(word).startswith(NAMES)] if isinstance(given, list) else []
    )
    sentence = (
        "The blocks' weights that look best become their learning rates' (network_args).",
        "效果最好的分层权重将作为各层学习率的倍数（network_args）。",
    )
    return {"network_args": " ".join([*others, *mine])}, [sentence]


def text_encoder_weight(text: str) -> float:
    """BASE, the weight of the text encoder among the block weights."""
    return parse(text)[0]
