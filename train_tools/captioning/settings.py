"""Settings of captioning, stated once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from train_tools.captioning.interface import CONCEPT
from train_tools.captioning.registry import CAPTIONERS
from train_tools.captioning.server.address import USUAL, base_of
from train_tools.captioning.server.prompts import KINDS, OWN, SENTENCE
from train_tools.errors import UsageError
from train_tools.workspace.halfwidth import half_commas
from train_tools.workspace.settings import build, setting, validate

BETWEEN = "|"  # of names of images
EXISTING = ("keep", "ignore", "prepend", "append")


def names(text: str) -> tuple[str, ...]:
    """`a, b` -> a and b."""
    return tuple(name for piece in half_commas(text).split(",") if (name := piece.strip()))


def images(text: str) -> tuple[str, ...]:
    """Names may hold commas."""
    return tuple(name for piece in text.split(BETWEEN) if (name := piece.strip()))


@dataclass(frozen=True)
class CaptioningSettings:
    captioner: tuple[str, ...] = setting(
        ("blip",),
        help="Which captioners write. The texts of several, as a,b, are put together in that order.",
        zh="使用的打标器。多个写作 a,b，文字按此顺序连接。",
        choices=tuple(CAPTIONERS),
        parse=names,
    )
    model: str = setting(
        "",
        help="The folder or hub id of another BLIP model. Empty takes the one that ships.",
        zh="其他 BLIP 模型的文件夹或 hub id。留空则使用自带模型。",
    )
    wd_model: str = setting(
        "SmilingWolf/wd-swinv2-tagger-v3",
        help="The hub id of a WD tagger, or a folder with model.onnx and selected_tags.csv.",
        zh="WD tagger 的 hub id，或含 model.onnx 与 selected_tags.csv 的文件夹。",
    )
    text: str = setting(
        "",
        help="The text that the captioner text writes. {concept} stands for the concept's name.",
        zh="text 打标器写入的固定文字。{concept} 代表概念名。",
    )
    existing: str = setting(
        "keep",
        help="What becomes of captions that are there: keep fills only empty ones, ignore replaces them, "
        "prepend and append put them before or behind the new ones.",
        zh="如何处理已有标注：keep 只填补空缺，ignore 替换，prepend 加在新标注之前，append 加在新标注之后。",
        choices=EXISTING,
    )
    only: tuple[str, ...] = setting(
        (),
        help="The images that are captioned, as in dataset/processed: 10_zorb/a.png|10_zorb/b.png. Empty takes all.",
        zh="要打标的图片，写作 dataset/processed 中的名称：10_zorb/a.png|10_zorb/b.png。留空则为全部。",
        parse=images,
        separator=BETWEEN,
    )
    prefix: str = setting(
        CONCEPT,
        help="A text that is put first: the trigger word. {concept} stands for the concept's name.",
        zh="放在最前的文字，即触发词。{concept} 代表概念名。",
    )
    suffix: str = setting(
        "",
        help="A text that is put last. {concept} stands for the concept's name.",
        zh="放在最后的文字。{concept} 代表概念名。",
    )
    general_threshold: float = setting(
        0.35,
        help="From which probability on the WD tagger writes a general tag.",
        zh="WD tagger 写入一般标签的最低概率。",
        minimum=0,
        maximum=1,
    )
    character_threshold: float = setting(
        0.85,
        help="From which probability on the WD tagger writes a character's name.",
        zh="WD tagger 写入角色标签的最低概率。",
        minimum=0,
        maximum=1,
    )
    use_character_tags: bool = setting(
        True, help="Whether the WD tagger writes names of characters.", zh="WD tagger 是否写入角色标签。"
    )
    character_tags_first: bool = setting(
        False,
        help="Puts names of characters before all other tags of the WD tagger.",
        zh="把 WD tagger 的角色标签放在最前。",
    )
    character_tag_expand: bool = setting(
        False,
        help="Writes miku_(vocaloid) as two tags, miku and vocaloid.",
        zh="把 miku_(vocaloid) 拆成 miku 与 vocaloid 两个标签。",
    )
    always_first_tags: tuple[str, ...] = setting(
        (),
        help="Tags that stand first where the WD tagger finds them, as 1girl,1boy.",
        zh="WD tagger 识别出时放在最前的标签，写作 1girl,1boy。",
        parse=names,
    )
    use_rating_tags: bool = setting(
        False, help="Has the WD tagger write the rating as the last tag.", zh="WD tagger 在末尾写入分级标签。"
    )
    remove_underscore: bool = setting(
        True,
        help="Writes blanks instead of underscores, except in faces such as ^_^.",
        zh="将下划线改为空格，^_^ 之类的颜文字除外。",
    )
    undesired_tags: tuple[str, ...] = setting(
        (),
        help="Tags that the WD tagger never writes, as a,b.",
        zh="WD tagger 不写入的标签，写作 a,b。",
        parse=names,
    )
    tag_replacement: tuple[str, ...] = setting(
        (),
        help="Tags that the WD tagger writes as others, as old=new,old=new.",
        zh="WD tagger 替换的标签，写作 旧=新,旧=新。",
        parse=names,
    )
    beams: int = setting(
        1,
        help="How many sentences BLIP follows at the same time. 1 is the fastest; more finds better ones.",
        zh="BLIP 同时尝试的句子数。1 最快，越多效果越好。",
        minimum=1,
        maximum=16,
    )
    max_tokens: int = setting(
        40,
        help="How long a caption of BLIP may become, in tokens.",
        zh="BLIP 标注的最大 token 数。",
        minimum=4,
        maximum=200,
    )
    server: str = setting(
        USUAL,
        help="The address of a server with a vision model that speaks OpenAI's chat API, as http://127.0.0.1:11434/v1.",
        zh="提供视觉模型的服务器地址（兼容 OpenAI 聊天接口），例如 http://127.0.0.1:11434/v1。",
    )
    server_model: str = setting(
        "",
        help="The model as the server calls it. Empty takes the only one that it has.",
        zh="服务器上的模型名称。留空则使用其唯一的模型。",
    )
    server_prompt: str = setting(
        SENTENCE,
        help="What the server's model is asked for: tags, a sentence, a detailed description, or your own words.",
        zh="让服务器上的模型写什么：tags 标签，sentence 一句话，detailed 详细标注，own 使用自己的提示词。",
        choices=KINDS,
    )
    server_own_prompt: str = setting(
        "",
        help="Your own words to the server's model. {concept} stands for the concept's name.",
        zh="发给服务器上模型的自定义提示词。{concept} 代表概念名。",
    )
    server_side: int = setting(
        1024,
        help="To how many pixels the longer side of a picture is scaled down before it is sent to the server.",
        zh="图片发送到服务器之前，长边缩小到的像素数。",
        minimum=64,
        maximum=4096,
    )
    server_parallel: int = setting(
        2,
        help="How many pictures the server is asked about at the same time.",
        zh="同时向服务器发送的图片数。",
        minimum=1,
        maximum=32,
    )
    server_max_tokens: int = setting(
        600,
        help="How long an answer of the server's model may become, in tokens, its thoughts included.",
        zh="服务器上模型一次回答的最大 token 数（含思考过程）。",
        minimum=16,
        maximum=32_768,
    )
    server_timeout: int = setting(
        180,
        help="How many seconds the server may take for an answer.",
        zh="等待服务器回答的最长秒数。",
        minimum=5,
        maximum=3600,
    )
    server_retries: int = setting(
        4,
        help="How often a picture is sent again where the server is busy or fails.",
        zh="服务器繁忙或出错时，一张图片重试的次数。",
        minimum=0,
        maximum=20,
    )
    batch_size: int = setting(
        8,
        help="How many images are looked at at once. It is halved where memory runs out.",
        zh="一次处理的图片数。内存不足时自动减半。",
        minimum=1,
        maximum=256,
    )

    def __post_init__(self) -> None:
        validate(self)
        if not self.captioner:
            raise UsageError(f"setting captioner is empty; allowed: {', '.join(CAPTIONERS)}")
        self.replacements()
        if "openai" in self.captioner:
            base_of(self.server)
            if self.server_prompt == OWN and not self.server_own_prompt.strip():
                raise UsageError(
                    "setting server_own_prompt is empty; say what the model is asked, or take another server_prompt"
                )

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
