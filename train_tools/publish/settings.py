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
        help="copy completes name, title, trigger words and hashes in the file's metadata; link makes a hard "
        "link, which takes no space and leaves the metadata as they are.",
        zh="copy 复制文件并补全元数据（名称、标题、触发词、哈希值）；link 建立硬链接，不占空间，元数据保持原样。",
        choices=(COPY, LINK),
    )
    activation_text: str = setting(
        "",
        help="The trigger words on its card. Empty takes the concept of the dataset.",
        zh="卡片上的触发词。留空则使用数据集的概念名。",
    )
    preferred_weight: float = setting(
        0.0,
        help="The weight that the webui suggests. 0 says none.",
        zh="WebUI 建议的权重。0 为不指定。",
        minimum=-2,
        maximum=2,
    )
    negative_text: str = setting("", help="A negative prompt that suits it.", zh="适合它的反向提示词。")
    notes: str = setting("", help="Notes on its card.", zh="卡片上的备注。")
    description: str = setting(
        "",
        help="Its description. Empty takes one that is made of the settings.",
        zh="简介。留空则由训练设置生成。",
    )
    author: str = setting("", help="Who made it.", zh="作者。")
    license: str = setting("", help="Its licence, e.g. CC-BY-4.0.", zh="许可证，例如 CC-BY-4.0。")
    card: bool = setting(
        True,
        help="Writes a model card (Markdown) with its sheet beside it.",
        zh="在旁边写一份模型卡（Markdown），附上总览图。",
    )

    def __post_init__(self) -> None:
        validate(self)
