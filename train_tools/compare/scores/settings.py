"""The settings of a scoring, stated once."""

from __future__ import annotations

from dataclasses import dataclass

from train_tools.workspace.settings import setting, validate

SIMPLE = "simple"


@dataclass(frozen=True)
class ScoreSettings:
    """Which model looks, and at which pictures."""

    scorer: str = setting(
        SIMPLE,
        help="`simple` (colours and edges, no learned model), the folder of a CLIP model, or its hub id, "
        "e.g. laion/CLIP-ViT-B-32-laion2B-s34B-b79K",
        zh="`simple`(颜色与边缘,非学习模型)、CLIP 模型的文件夹,或 hub id,如 laion/CLIP-ViT-B-32-laion2B-s34B-b79K",
    )
    scored_weight: float = setting(
        1.0,
        help="pictures of this LoRA weight are scored",
        zh="只评分此 LoRA 权重的图片",
        minimum=-4,
        maximum=4,
    )
    pictures_at_once: int = setting(
        32, help="pictures that are looked at at once", zh="每批处理的图片数", minimum=1, maximum=1024
    )

    def __post_init__(self) -> None:
        validate(self)
