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
from train_tools.workspace.halfwidth import half_width
from train_tools.workspace.names import check_name
from train_tools.workspace.settings import build, setting, validate
from train_tools.workspace.workspace import Version

AUTOMATIC = -1
MOST_REPEATS = 10_000
IGNORE, COPY, PREPEND, APPEND = "ignore", "copy", "prepend", "append"
NOT_IN_PIXELS = ("concept", "repeats", "concept_repeats", "balance_repeats", "existing_caption")


# A full-width colon before a number, or a comma behind one; elsewhere they belong to a name.
NUMBERED = re.compile(r"[:\uff1a]\s*[-\uff0d\u2212]?[0-9\uff10-\uff19]+\s*(?:[\uff0c\u3001\uff1b;]|$)?")


def _half(found: re.Match[str]) -> str:
    return half_width(found[0]).replace(";", ",")


def parse_concept_repeats(text: str) -> tuple[str, ...]:
    """`a:3, b, c:-1` -> `("a:3", "b, c:-1")`, as names may hold commas; what has no number stays as it is."""
    parts = re.findall(r"\s*(.+?:\s*-?\d+)\s*(?:,|$)|(.+)", NUMBERED.sub(_half, text))
    return tuple((good or rest).strip() for good, rest in parts)


@dataclass(frozen=True)
class DatasetSettings:
    concept: str = setting(
        "",
        help="What the images show, which is also the trigger word. Empty takes the project's name.",
        zh="图片的内容，也就是触发词。留空则使用项目名。",
    )
    repeats: int = setting(
        10,
        help="How many times each image is shown in an epoch. -1 chooses by itself: 512 divided by the "
        "number of images, at least 4.",
        zh="每张图片在一轮中出现的次数。-1 为自动：512 除以图片数，至少 4 次。",
        minimum=AUTOMATIC,
        maximum=MOST_REPEATS,
    )
    concept_repeats: tuple[str, ...] = setting(
        (),
        help="The repeats of single concepts, as NAME:NUMBER,NAME:NUMBER.",
        zh="各个概念的重复次数，写作 名称:次数,名称:次数。",
        parse=parse_concept_repeats,
    )
    balance_repeats: bool = setting(
        False,
        help="Raises the repeats of smaller concepts until all are shown about equally often.",
        zh="提高较小概念的重复次数，使各概念出现的次数大致相等。",
    )
    width: int = setting(
        512,
        help="The width in pixels. Together with the height it says the area that images are scaled to.",
        zh="宽度，单位像素。与高度一起决定图片缩放到的面积。",
        minimum=8,
        maximum=8192,
    )
    height: int = setting(
        512,
        help="The height in pixels. Together with the width it says the area that images are scaled to.",
        zh="高度，单位像素。与宽度一起决定图片缩放到的面积。",
        minimum=8,
        maximum=8192,
    )
    keep_aspect: bool = setting(
        True,
        help="Keeps each image's shape, so that the training sorts them into buckets. Off, the centre is cut "
        "out in one shape.",
        zh="保持图片的长宽比，训练时按形状分桶。关闭后，统一裁剪正中部分。",
    )
    small_images: str = setting(
        KEEP,
        help="What becomes of images that are smaller than asked for: keep leaves them small, upscale "
        "enlarges them, skip leaves them out.",
        zh="如何处理小于目标尺寸的图片：keep 保持原大小，upscale 放大，skip 不使用。",
        choices=(KEEP, UPSCALE, SKIP),
    )
    flip: bool = setting(
        False,
        help="Adds a mirrored copy of each image. Leave it off where sides matter, as with faces or text.",
        zh="为每张图片添加左右镜像的副本。左右有区别时（例如人脸、文字）请不要开启。",
    )
    split: bool = setting(
        False,
        help="Cuts images that are much longer than wide, or wider than long, into pieces.",
        zh="把过长或过宽的图片切成几块。",
    )
    split_threshold: float = setting(
        0.5,
        help="Images are cut where a piece is at most this share of their length.",
        zh="切片长度不超过图片长度的这个比例时才切分。",
        minimum=0.0,
        maximum=1.0,
    )
    overlap_ratio: float = setting(
        0.2,
        help="The least share of a piece that the next one shows again.",
        zh="相邻两个切片重叠部分所占的最小比例。",
        minimum=0.0,
        maximum=0.9,
    )
    focal_crop: bool = setting(
        False,
        help="Cuts images to width and height around faces, the busiest part and edges.",
        zh="围绕人脸、细节最多的部分与边缘，裁剪到指定的宽高。",
    )
    focal_crop_face_weight: float = setting(
        0.9,
        help="How much faces count for the point that is cut around.",
        zh="人脸在裁剪焦点中的权重。",
        minimum=0.0,
        maximum=1.0,
    )
    focal_crop_entropy_weight: float = setting(
        0.15,
        help="How much the busiest part counts for the point that is cut around.",
        zh="细节最多的部分在裁剪焦点中的权重。",
        minimum=0.0,
        maximum=1.0,
    )
    focal_crop_edges_weight: float = setting(
        0.5,
        help="How much edges count for the point that is cut around.",
        zh="边缘在裁剪焦点中的权重。",
        minimum=0.0,
        maximum=1.0,
    )
    multicrop: bool = setting(
        False,
        help="Cuts the centre of each image at the best size within the bounds below.",
        zh="在以下范围内，以最合适的尺寸裁剪每张图片的正中部分。",
    )
    multicrop_mindim: int = setting(
        384,
        help="The least side of an auto-sized crop, in pixels.",
        zh="自动尺寸裁剪的最小边长，单位像素。",
        minimum=64,
        maximum=2048,
    )
    multicrop_maxdim: int = setting(
        768,
        help="The largest side of an auto-sized crop, in pixels.",
        zh="自动尺寸裁剪的最大边长，单位像素。",
        minimum=64,
        maximum=2048,
    )
    multicrop_minarea: int = setting(
        64 * 64,
        help="The least area of an auto-sized crop, in pixels.",
        zh="自动尺寸裁剪的最小面积，单位像素。",
        minimum=64 * 64,
        maximum=2048 * 2048,
    )
    multicrop_maxarea: int = setting(
        640 * 640,
        help="The largest area of an auto-sized crop, in pixels.",
        zh="自动尺寸裁剪的最大面积，单位像素。",
        minimum=64 * 64,
        maximum=2048 * 2048,
    )
    multicrop_objective: str = setting(
        MAXIMIZE_AREA,
        help="Which of the sizes that fit is the best: the largest area, or the closest shape.",
        zh="在合适的尺寸中优先选择面积最大，还是形状误差最小。",
        choices=(MAXIMIZE_AREA, MINIMIZE_ERROR),
    )
    multicrop_threshold: float = setting(
        0.1,
        help="How far the shape of an auto-sized crop may differ from the image's. Images without such a "
        "size are left out.",
        zh="自动尺寸裁剪允许的最大形状误差。没有合适尺寸的图片不会使用。",
        minimum=0.0,
        maximum=1.0,
    )
    existing_caption: str = setting(
        COPY,
        help="What becomes of captions that came with the originals: ignore leaves them out, copy uses them "
        "where there is no newer one, prepend and append put them before or behind newer ones.",
        zh="如何处理原图自带的标注：ignore 不使用，copy 在没有新标注时采用，prepend 加在新标注之前，"
        "append 加在新标注之后。",
        choices=(IGNORE, COPY, PREPEND, APPEND),
    )
    alpha_colour: str = setting(
        "#ffffff",
        help="The colour behind transparent parts, as #rrggbb or a CSS name.",
        zh="透明部分的底色，写作 #rrggbb 或 CSS 颜色名。",
    )
    alpha_mask: bool = setting(
        False,
        help="Keeps transparency as the mask of the masked loss.",
        zh="保留透明度，作为“遮罩损失”的遮罩。",
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
