"""Settings of preprocessing, stated once."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from PIL import ImageColor

from train_tools.dataset.operations.auto_size import MAXIMIZE_AREA, MINIMIZE_ERROR
from train_tools.dataset.operations.focal import Weights
from train_tools.dataset.operations.small import KEEP, SKIP, UPSCALE
from train_tools.errors import UsageError
from train_tools.workspace.names import check_name
from train_tools.workspace.settings import build, setting, validate
from train_tools.workspace.workspace import Version

AUTOMATIC = -1
MOST_REPEATS = 10_000
IGNORE, COPY, PREPEND, APPEND = "ignore", "copy", "prepend", "append"
NOT_IN_PIXELS = ("concept", "repeats", "concept_repeats", "balance_repeats", "existing_caption")


def parse_concept_repeats(text: str) -> tuple[str, ...]:
    """`a:3, b, c:-1` -> `("a:3", "b, c:-1")`, as names may hold commas; what has no number stays as it is."""
    parts = re.findall(r"\s*(.+?:\s*-?\d+)\s*(?:,|$)|(.+)", text)
    return tuple((good or rest).strip() for good, rest in parts)


@dataclass(frozen=True)
class DatasetSettings:
    concept: str = setting(
        "",
        help="what the images show, and the trigger word; empty: the project's name",
        zh="图片里是什么，也就是触发词；留空则用项目名",
    )
    repeats: int = setting(
        10,
        help="times each image is shown in an epoch; -1: automatic, 512 by the images made, at least 4",
        zh="每张图片在一个 epoch 里重复的次数；-1 为自动：512 除以生成的图片数，至少 4 次",
        minimum=AUTOMATIC,
        maximum=MOST_REPEATS,
    )
    concept_repeats: tuple[str, ...] = setting(
        (),
        help="repeats of single concepts, as NAME:NUMBER,NAME:NUMBER",
        zh="个别概念的重复次数，写作 名称:次数,名称:次数",
        parse=parse_concept_repeats,
    )
    balance_repeats: bool = setting(
        False,
        help="raise the repeats of smaller concepts until all are shown about equally often",
        zh="提高小概念的重复次数，使各概念出现的次数大致相等",
    )
    width: int = setting(
        512,
        help="pixels; with height the area to scale to",
        zh="像素；与高度一起决定目标面积",
        minimum=8,
        maximum=8192,
    )
    height: int = setting(512, help="pixels", zh="像素", minimum=8, maximum=8192)
    keep_aspect: bool = setting(
        True,
        help="leave the shape to buckets; false: crop the centre",
        zh="保持长宽比，由分桶决定；关闭则裁剪正中",
    )
    small_images: str = setting(
        KEEP,
        help="images smaller than asked for: keep them unenlarged, upscale them or skip them",
        zh="小于目标尺寸的图片：keep 保持不放大，upscale 放大，skip 跳过",
        choices=(KEEP, UPSCALE, SKIP),
    )
    flip: bool = setting(False, help="add a mirrored copy of each image", zh="为每张图片添加左右镜像的副本")
    split: bool = setting(False, help="split oversized images into pieces", zh="把过长的图片切成几块")
    split_threshold: float = setting(
        0.5,
        help="split where a piece is at most this share of the image's length",
        zh="一块的长度不超过图片长度的这个比例时才切分",
        minimum=0.0,
        maximum=1.0,
    )
    overlap_ratio: float = setting(
        0.2,
        help="least share of a piece that the next one shows again",
        zh="相邻两块重叠部分占一块的最小比例",
        minimum=0.0,
        maximum=0.9,
    )
    focal_crop: bool = setting(
        False,
        help="crop to width x height around faces, the busiest part and edges",
        zh="围绕人脸、信息最多的部分和边缘裁剪到指定宽高",
    )
    focal_crop_face_weight: float = setting(
        0.9,
        help="of faces in the focal point",
        zh="人脸在焦点中的权重",
        minimum=0.0,
        maximum=1.0,
    )
    focal_crop_entropy_weight: float = setting(
        0.15,
        help="of the busiest part in the focal point",
        zh="信息最多的部分在焦点中的权重",
        minimum=0.0,
        maximum=1.0,
    )
    focal_crop_edges_weight: float = setting(
        0.5,
        help="of edges in the focal point",
        zh="边缘在焦点中的权重",
        minimum=0.0,
        maximum=1.0,
    )
    multicrop: bool = setting(
        False,
        help="auto-sized crop: the centre at the best size within the bounds",
        zh="自动尺寸裁剪：以范围内最合适的尺寸裁剪正中",
    )
    multicrop_mindim: int = setting(
        384,
        help="least side of it, pixels",
        zh="自动尺寸裁剪的最小边长，像素",
        minimum=64,
        maximum=2048,
    )
    multicrop_maxdim: int = setting(
        768,
        help="largest side of it, pixels",
        zh="自动尺寸裁剪的最大边长，像素",
        minimum=64,
        maximum=2048,
    )
    multicrop_minarea: int = setting(
        64 * 64,
        help="least area of it, pixels",
        zh="自动尺寸裁剪的最小面积，像素",
        minimum=64 * 64,
        maximum=2048 * 2048,
    )
    multicrop_maxarea: int = setting(
        640 * 640,
        help="largest area of it, pixels",
        zh="自动尺寸裁剪的最大面积，像素",
        minimum=64 * 64,
        maximum=2048 * 2048,
    )
    multicrop_objective: str = setting(
        MAXIMIZE_AREA,
        help="which of the sizes that fit is best",
        zh="在合适的尺寸中优先面积最大还是形状误差最小",
        choices=(MAXIMIZE_AREA, MINIMIZE_ERROR),
    )
    multicrop_threshold: float = setting(
        0.1,
        help="largest error of its shape, 0 to 1; images without such a size are left out",
        zh="允许的最大形状误差，0 到 1；没有合适尺寸的图片会被略过",
        minimum=0.0,
        maximum=1.0,
    )
    existing_caption: str = setting(
        COPY,
        help="the original's caption: ignore it, copy it where none was written since, prepend it or append it",
        zh="原图自带的标注：ignore 忽略，copy 在没有新标注时采用，prepend 加在新标注之前，append 加在之后",
        choices=(IGNORE, COPY, PREPEND, APPEND),
    )
    alpha_colour: str = setting(
        "#ffffff",
        help="colour behind transparent parts, as #rrggbb or a CSS name",
        zh="透明部分后面的颜色，写作 #rrggbb 或 CSS 颜色名",
    )
    alpha_mask: bool = setting(
        False,
        help="keep transparency as the mask of sd-scripts' masked loss (alpha_mask)",
        zh="保留透明度，作为 sd-scripts 遮罩损失（alpha_mask）的遮罩",
    )

    def __post_init__(self) -> None:
        validate(self)
        self._check_repeats()
        if self.concept:
            check_name(self.concept, "concept")
        self._check_multicrop()
        try:
            ImageColor.getrgb(self.alpha_colour)
        except ValueError as error:
            raise UsageError(
                f"setting alpha_colour is {self.alpha_colour!r}; allowed: #rrggbb or a CSS colour name"
            ) from error

    def _check_repeats(self) -> None:
        named = [(f"concept_repeats of {name!r}", number) for name, number in self._numbers()]
        for what, number in [("repeats", self.repeats), *named]:
            if number == 0 or not AUTOMATIC <= number <= MOST_REPEATS:
                raise UsageError(
                    f"setting {what} is {number}; allowed: from 1 to {MOST_REPEATS}, or {AUTOMATIC} (automatic)"
                )

    def _numbers(self) -> list[tuple[str, int]]:
        pairs = [text.rpartition(":") for text in self.concept_repeats]
        for name, _, number in pairs:
            if not name.strip() or not re.fullmatch(r"\s*-?\d+\s*", number):
                raise UsageError(
                    f"setting concept_repeats is {','.join(self.concept_repeats)!r}; "
                    "allowed: NAME:NUMBER,NAME:NUMBER"
                )
        return [(name.strip(), int(number)) for name, _, number in pairs]

    def _check_multicrop(self) -> None:
        for least, most in (("mindim", "maxdim"), ("minarea", "maxarea")):
            low, high = getattr(self, f"multicrop_{least}"), getattr(self, f"multicrop_{most}")
            if low > high:
                raise UsageError(f"setting multicrop_{least} is {low}, more than multicrop_{most}, {high}")

    @classmethod
    def from_mapping(cls, mapping: Mapping[str, Any]) -> DatasetSettings:
        """Text or typed values; raises UsageError with the setting, the value and what is allowed."""
        return build(cls, mapping)

    def concept_of(self, version: Version) -> str:
        return self.concept or version.project

    def repeats_of(self, concept: str) -> int:
        """As set, so it may be AUTOMATIC."""
        return self.named_repeats().get(concept, self.repeats)

    def named_repeats(self) -> dict[str, int]:
        """Those that are set for single concepts."""
        return dict(self._numbers())

    def background(self) -> tuple[int, int, int]:
        """`alpha_colour` as red, green, blue from 0 to 255."""
        return ImageColor.getrgb(self.alpha_colour)[:3]

    def focal_weights(self) -> Weights:
        return Weights(
            self.focal_crop_face_weight, self.focal_crop_entropy_weight, self.focal_crop_edges_weight
        )

    def of_pixels(self) -> dict[str, Any]:
        """Those on which the pictures depend."""
        return {name: value for name, value in asdict(self).items() if name not in NOT_IN_PIXELS}
