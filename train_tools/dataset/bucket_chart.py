"""Which buckets a version's images fill, and which images are too small for them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from train_tools.dataset.buckets import Size, bucket_resolutions, choose_bucket
from train_tools.dataset.training import TrainingImage

ENOUGH = 0.95  # of the resolution's area: scaling rounds to whole pixels


class Rule(Protocol):
    """How training chooses sizes; sizes in pixels. sd-scripts' resolution, enable_bucket, min_bucket_reso,
    max_bucket_reso, bucket_reso_steps, bucket_no_upscale.
    """

    @property
    def resolution(self) -> Size: ...
    @property
    def is_on(self) -> bool: ...
    @property
    def minimum(self) -> int: ...
    @property
    def maximum(self) -> int: ...
    @property
    def step(self) -> int: ...
    @property
    def no_upscale(self) -> bool: ...


@dataclass(frozen=True)
class BucketCount:
    """`shown` counts images as often as an epoch shows them."""

    size: Size
    images: int
    shown: int


def is_small(size: Size, rule: Rule) -> bool:
    """By area with buckets, which keep an image's shape; without, by each side."""
    width, height = rule.resolution
    if rule.is_on:
        return size[0] * size[1] < ENOUGH * width * height
    return size[0] < width or size[1] < height


def bucket_chart(sizes: Mapping[TrainingImage, Size], rule: Rule) -> list[BucketCount]:
    """The buckets that training would make, from the widest shape to the tallest."""
    images: Counter[Size] = Counter()
    shown: Counter[Size] = Counter()
    resolutions = (
        bucket_resolutions(rule.resolution, rule.minimum, rule.maximum, rule.step)
        if rule.is_on
        else [rule.resolution]
    )
    for image, size in sizes.items():
        no_upscale = rule.is_on and rule.no_upscale
        bucket = choose_bucket(size, resolutions, rule.resolution, rule.step, no_upscale).size
        images[bucket] += 1
        shown[bucket] += image.repeats
    wide_first = sorted(images, key=lambda size: (-size[0] / size[1], size))
    return [BucketCount(size, images[size], shown[size]) for size in wide_first]
