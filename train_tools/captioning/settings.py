"""Settings of captioning, stated once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from train_tools.captioning.fixed_text import CONCEPT
from train_tools.captioning.registry import CAPTIONERS
from train_tools.errors import UsageError
from train_tools.workspace.settings import build, setting, validate

EXISTING = ("keep", "ignore", "prepend", "append")


def names(text: str) -> tuple[str, ...]:
    """`a, b` -> a and b."""
    return tuple(name for piece in text.split(",") if (name := piece.strip()))


@dataclass(frozen=True)
class CaptioningSettings:
    captioner: tuple[str, ...] = setting(
        ("blip",),
        help="which captioners, several as a,b: their texts in that order",
        zh="使用的打标器;多个写作 a,b,文字按此顺序连接",
        choices=tuple(CAPTIONERS),
        parse=names,
    )
    model: str = setting(
        "",
        help="BLIP: folder or hub id of another model; empty: the one that ships",
        zh="BLIP:其他模型的文件夹或 hub id;留空则用自带模型",
    )
    wd_model: str = setting(
        "SmilingWolf/wd-swinv2-tagger-v3",
        help="WD tagger: hub id, or a folder with model.onnx and selected_tags.csv",
        zh="WD tagger:hub id,或含 model.onnx 和 selected_tags.csv 的文件夹",
    )
    text: str = setting(
        "",
        help=f"fixed text of the captioner text; {CONCEPT} is the concept's name",
        zh=f"text 打标器写入的固定文字;{CONCEPT} 代表概念名",
    )
    existing: str = setting(
        "keep",
        help="what becomes of a caption that is there: keep it and fill only empty ones, ignore it, "
        "prepend it to the new one or append it",
        zh="已有描述的处理:keep 保留且只填空缺,ignore 替换,prepend 置于新描述前,append 置于其后",
        choices=EXISTING,
    )
    prefix: str = setting(
        CONCEPT,
        help=f"put first, the trigger word; {CONCEPT} is the concept's name",
        zh=f"放在最前的触发词;{CONCEPT} 代表概念名",
    )
    suffix: str = setting(
        "", help=f"put last; {CONCEPT} is the concept's name", zh=f"放在最后的文字;{CONCEPT} 代表概念名"
    )
    general_threshold: float = setting(
        0.35,
        help="WD tagger: probability from which a general tag is written",
        zh="WD tagger:一般标签的概率阈值",
        minimum=0,
        maximum=1,
    )
    character_threshold: float = setting(
        0.85,
        help="WD tagger: probability from which a character's name is written",
        zh="WD tagger:角色标签的概率阈值",
        minimum=0,
        maximum=1,
    )
    use_character_tags: bool = setting(
        True, help="WD tagger: write names of characters", zh="WD tagger:写入角色标签"
    )
    character_tags_first: bool = setting(
        False, help="WD tagger: names of characters before all other tags", zh="WD tagger:角色标签放在最前"
    )
    character_tag_expand: bool = setting(
        False,
        help="WD tagger: miku_(vocaloid) as two tags, miku and vocaloid",
        zh="WD tagger:把 miku_(vocaloid) 拆成 miku 和 vocaloid 两个标签",
    )
    always_first_tags: tuple[str, ...] = setting(
        (),
        help="WD tagger: tags that stand first where they are found, as 1girl,1boy",
        zh="WD tagger:出现时放在最前的标签,写作 1girl,1boy",
        parse=names,
    )
    use_rating_tags: bool = setting(
        False, help="WD tagger: write the rating, as the last tag", zh="WD tagger:在末尾写入分级标签"
    )
    remove_underscore: bool = setting(
        True,
        help="WD tagger: blanks instead of underscores, except in faces such as ^_^",
        zh="WD tagger:下划线改为空格(^_^ 之类的颜文字除外)",
    )
    undesired_tags: tuple[str, ...] = setting(
        (),
        help="WD tagger: tags that are never written, as a,b",
        zh="WD tagger:不写入的标签,写作 a,b",
        parse=names,
    )
    tag_replacement: tuple[str, ...] = setting(
        (),
        help="WD tagger: tags written as others, as old=new,old=new",
        zh="WD tagger:替换标签,写作 旧=新,旧=新",
        parse=names,
    )
    beams: int = setting(
        1,
        help="BLIP: beam search width; 1: greedy, the fastest",
        zh="BLIP:束搜索宽度;1 为贪心,最快",
        minimum=1,
        maximum=16,
    )
    max_tokens: int = setting(
        40, help="BLIP: longest caption in tokens", zh="BLIP:描述的最大 token 数", minimum=4, maximum=200
    )
    batch_size: int = setting(
        8,
        help="images at once; halved where memory runs out",
        zh="一次处理的图片数;内存不足时减半",
        minimum=1,
        maximum=256,
    )

    def __post_init__(self) -> None:
        validate(self)
        if not self.captioner:
            raise UsageError(f"setting captioner is empty; allowed: {', '.join(CAPTIONERS)}")
        self.replacements()

    @classmethod
    def from_mapping(cls, mapping: Mapping[str, Any]) -> CaptioningSettings:
        """Text or typed values; raises UsageError with the setting, the value and what is allowed."""
        return build(cls, mapping)

    def replacements(self) -> dict[str, str]:
        """Old tag -> new one. The last = divides, so that =_= can be replaced."""
        pairs = [item.rpartition("=") for item in self.tag_replacement]
        for (old, _, new), item in zip(pairs, self.tag_replacement, strict=True):
            if not old.strip() or not new.strip():
                raise UsageError(f"setting tag_replacement has {item!r}; allowed: old=new")
        return {old.strip(): new.strip() for old, _, new in pairs}
