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
        help="What looks at the pictures: simple compares colours and edges; or the folder or hub id of a "
        "CLIP model, e.g. laion/CLIP-ViT-B-32-laion2B-s34B-b79K.",
        zh="由什么来评分：simple 比较颜色与边缘；或填写 CLIP 模型的文件夹或 hub id，"
        "例如 laion/CLIP-ViT-B-32-laion2B-s34B-b79K。",
    )
    scored_weight: float = setting(
        1.0,
        help="Only pictures of this LoRA weight are scored.",
        zh="只为此 LoRA 权重的图片评分。",
        minimum=-4,
        maximum=4,
    )
    pictures_at_once: int = setting(
        32, help="How many pictures are looked at at once.", zh="每批处理的图片数。", minimum=1, maximum=1024
    )

    def __post_init__(self) -> None:
        validate(self)
