"""The scores: what each means, and its formula on vectors of length 1."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

TRAINING, PROMPT, DIVERSITY, NEAREST = (
    "training_similarity",
    "prompt_similarity",
    "diversity",
    "nearest_training",
)


@dataclass(frozen=True)
class Measure:
    """`title` and `help` in English and Chinese. `better`: higher, lower, or empty where neither is always so."""

    id: str
    title: tuple[str, str]
    help: tuple[str, str]
    better: str
    needs_text: bool = False


MEASURES: tuple[Measure, ...] = (
    Measure(
        TRAINING,
        ("likeness to the training images", "与训练图的相似度"),
        (
            (
                "Mean cosine between the vectors of the preview pictures and of all training images (CLIP-I of "
                "DreamBooth): how much of the subject or style was learned. It also rises while a LoRA memorises."
            ),
            "预览图与全部训练图特征向量的平均余弦（DreamBooth 的 CLIP-I）：学到了多少主体或画风。过拟合时它也会上升。",
        ),
        "higher",
    ),
    Measure(
        PROMPT,
        ("likeness to the prompt", "与提示词的相似度"),
        (
            (
                "Mean cosine between a picture's vector and that of its prompt without the trigger word (CLIP-T): "
                "whether the LoRA still does what the rest of the prompt says."
            ),
            "图片特征与去掉触发词的提示词特征的平均余弦（CLIP-T）：LoRA 是否仍听从提示词的其余部分。",
        ),
        "higher",
        needs_text=True,
    ),
    Measure(
        DIVERSITY,
        ("diversity over seeds", "不同种子的多样性"),
        (
            (
                "1 minus the mean cosine between pictures that differ in the seed alone: near 0 all seeds give "
                "the same picture. It needs previews with two seeds or more."
            ),
            "1 减去仅种子不同的图片之间的平均余弦：接近 0 表示所有种子出同一张图。需要至少两个种子的预览图。",
        ),
        "higher",
    ),
    Measure(
        NEAREST,
        ("likeness to the nearest training image", "与最近训练图的相似度"),
        (
            (
                "Mean over the pictures of the largest cosine to any one training image: close to 1, and rising "
                "while the other scores fall, it is a sign that training images are memorised."
            ),
            "每张图与最相近的一张训练图的余弦，取平均：接近 1 且在其他分数下降时仍上升，是死记训练图的迹象。",
        ),
        "",
    ),
)


def to_training(pictures: Any, training: Any) -> Any:
    """[picture]: mean cosine to all training images."""
    return pictures @ training.mean(axis=0)


def to_nearest(pictures: Any, training: Any) -> tuple[Any, Any]:
    """[picture]: the largest cosine to a training image, and that image's number."""
    cosines = pictures @ training.T
    nearest = cosines.argmax(axis=1)
    return cosines[range(len(pictures)), nearest], nearest


def to_own_prompt(pictures: Any, prompts: Any) -> Any:
    """[picture]: cosine to the prompt in the same row."""
    return (pictures * prompts).sum(axis=1)


def diversity(pictures: Any) -> float:
    """Of two pictures and more: the mean over all pairs of 1 - cosine.

    The pairs' cosines sum to (|sum of vectors|² - n) / 2.
    """
    count = len(pictures)
    total = pictures.sum(axis=0)
    return float(1 - (total @ total - (pictures * pictures).sum()) / (count * (count - 1)))


@dataclass(frozen=True)
class Summary:
    """`error` is the standard error of the mean, None for a single value."""

    mean: float
    error: float | None
    count: int


def summary(values: Sequence[float]) -> Summary:
    count = len(values)
    mean = sum(values) / count
    if count < 2:
        return Summary(mean, None, count)
    variance = sum((value - mean) ** 2 for value in values) / (count - 1)
    return Summary(mean, (variance / count) ** 0.5, count)
