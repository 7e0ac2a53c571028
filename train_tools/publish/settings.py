"""What a published LoRA brings along, stated once."""

from __future__ import annotations

from dataclasses import dataclass

from train_tools.workspace.settings import setting, validate

COPY, LINK = ("copy", "link")


@dataclass(frozen=True)
class PublishSettings:
    """What goes into the file, onto its cards and beside it."""

    how: str = setting(
        COPY,
        help="copy, with name, title, trigger words and hashes completed in the file's metadata; "
        "or a hard link, which takes no space and leaves the metadata as they are",
        zh="copy:复制并补全文件元数据(名称、标题、触发词、哈希);link:硬链接,不占空间,元数据保持原样",
        choices=(COPY, LINK),
    )
    activation_text: str = setting(
        "", help="words that call it; empty is the concept of the dataset", zh="触发词;留空则用数据集的概念名"
    )
    preferred_weight: float = setting(
        0.0, help="the webui's preferred weight; 0 says none", zh="推荐权重;0 为不指定", minimum=-2, maximum=2
    )
    negative_text: str = setting("", help="negative prompt that suits it", zh="适合它的反向提示词")
    notes: str = setting("", help="notes on its card", zh="卡片备注")
    description: str = setting(
        "", help="its description; empty is one made of the settings", zh="描述;留空则由训练设置生成"
    )
    author: str = setting("", help="who made it", zh="作者")
    license: str = setting("", help="its licence, e.g. CC-BY-4.0", zh="许可,如 CC-BY-4.0")
    card: bool = setting(
        True,
        help="write a model card (Markdown) with its sheet beside it",
        zh="在旁边写一份模型卡(Markdown)与对比图",
    )

    def __post_init__(self) -> None:
        validate(self)
