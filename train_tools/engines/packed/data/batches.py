"""What a pack trains on: images in buckets, their latents, their captions, and the order of batches.

The dataset is sd-scripts' DreamBooth layout: `<repeats>_<concept>/` folders of images with captions
beside them. Latents are encoded once and shared by all runs (`encoding`).

All runs see batches of the same bucket at the same step, as they must share a shape; that order
is the same in every epoch. Which images a run finds in them is drawn from the run's own seed. So
a run sees the same batches alone as in any pack.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor

from train_tools.dataset.training import TrainingImage, beside, held_back, training_images
from train_tools.engines.packed.config import RunConfig
from train_tools.engines.packed.data.encoding import Bucket, Encoder
from train_tools.engines.packed.data.masks import Masks
from train_tools.engines.packed.data.pictures import Item, View, drawn
from train_tools.engines.packed.data.wording import At, Wording
from train_tools.errors import UsageError


@dataclass(frozen=True)
class Batch:
    """One run's share of a step: latents (B, 4, h, w), B captions, B weights of their losses.

    `sizes` (B, 6) are each picture's original height and width, the crop's top and left, the height and width that it
    is trained at, in pixels. `masks` (B, 1, h, w), 0 … 1, say where the error counts; None: everywhere.
    """

    latents: Tensor
    captions: list[str]
    weights: list[float]
    sizes: list[tuple[int, ...]]
    masks: Tensor | None = None


@dataclass(frozen=True)
class _Chances:
    """What is drawn for a batch before a picture is looked at."""

    items: list[Item]
    flips: list[int]
    views: list[View]
    captions: list[str]


def read_items(config: RunConfig) -> list[Item]:
    """The images that a run trains on, regularisation images last; at several sizes once for each.

    Raises UsageError where there are none or a caption file isn't UTF-8, TrainToolsError where one is damaged.
    """
    images, _ = _split(config)
    if config.reg_data_dir is not None:
        images += beside(images, training_images(config.reg_data_dir))
    return _items(images, config)


def read_held_back(config: RunConfig) -> list[Item]:
    """The images that a run doesn't train on, but is measured by."""
    return _items(_split(config)[1], config)


def _split(config: RunConfig) -> tuple[list[TrainingImage], list[TrainingImage]]:
    images = training_images(config.train_data_dir)
    if not images:
        raise UsageError(
            f"{config.train_data_dir} holds no image in a <repeats>_<concept> folder; run `dataset process` first"
        )
    trained, kept = held_back(images, config.validation_split, config.validation_seed)
    if not trained:
        raise UsageError(
            f"validation_split {config.validation_split} leaves no image to train; choose a smaller share"
        )
    return trained, kept


def _items(images: list[TrainingImage], config: RunConfig) -> list[Item]:
    masks = Masks(config.conditioning_data_dir) if config.conditioning_data_dir else None
    found = [_at_each_size(image, config, masks) for image in images]
    return [item for items in zip(*found, strict=True) for item in items]


def _at_each_size(image: TrainingImage, config: RunConfig, masks: Masks | None) -> list[Item]:
    size = image.size()
    lines = _lines(image.path, config.caption_extension, image.concept)
    mask = masks.of(image) if masks else None
    return [
        Item(
            image.path, image.path.parent.name, lines[0], image.repeats, placed.resized, placed.size, image.is_reg,
            tuple(line for line in lines if line) or ("",), size, mask, number,
        )
        for number, placed in enumerate(rule.bucket_of(size) for rule in config.bucket_rules)
    ]  # fmt: skip


def _lines(image: Path, extension: str, concept: str) -> list[str]:
    """The caption file's lines, of which sd-scripts reads the first one; the concept where there is no file."""
    file = image.with_suffix(extension)
    if not file.is_file():
        return [concept]
    try:
        lines = file.read_text(encoding="utf-8-sig").splitlines()
    except UnicodeDecodeError as error:
        raise UsageError(f"the caption {file} is not UTF-8 text; save it as UTF-8") from error
    return [line.strip() for line in lines] or [""]


def batches_per_epoch(buckets: list[Bucket], batch_size: int) -> int:
    return sum(-(-len(bucket.order) // batch_size) for bucket in buckets)


def epoch_schedule(buckets: list[Bucket], batch_size: int) -> list[tuple[int, int]]:
    """(bucket, batch within it) for each batch of an epoch, the same for all runs.

    And for all epochs: so runs that are at different epochs can be trained together.
    """
    schedule = [
        (b, i) for b, bucket in enumerate(buckets) for i in range(-(-len(bucket.order) // batch_size))
    ]
    random.Random(1).shuffle(schedule)
    return schedule


def _sizes(item: Item, flipped: bool) -> tuple[int, ...]:
    """As Stable Diffusion XL is told them (https://arxiv.org/abs/2307.01952, 2.2), by sd-scripts' get_crop_ltrb.

    There the picture is fitted into the bucket without filling it, so that a crop's side is below zero; a mirrored
    picture tells of its right side.
    """
    width, height = item.bucket
    aspect = item.original[0] / item.original[1]
    is_wider = width / height > aspect
    fitted = (height * aspect, float(height)) if is_wider else (float(width), width / aspect)
    left, top = (width - fitted[0]) // 2, (height - fitted[1]) // 2
    if flipped:
        left = width - (left + fitted[0])
    return (item.original[1], item.original[0], int(top), int(left), height, width)


class RunData:
    """One run's way through the shared buckets: its order, its mirrored images, its shuffled captions."""

    def __init__(
        self, config: RunConfig, buckets: list[Bucket], steps: int, encoder: Encoder | None = None
    ) -> None:
        """`encoder` is for runs whose pictures look otherwise each time."""
        self._config = config
        self._buckets = buckets
        self._random = random.Random(config.seed)
        self._wording = Wording(config, self._random, steps)
        self._encoder = encoder

    @property
    def random_state(self) -> list[Any]:
        """As JSON holds it."""
        version, numbers, gauss = self._random.getstate()
        return [version, list(numbers), gauss]

    @random_state.setter
    def random_state(self, state: list[Any]) -> None:
        self._random.setstate((state[0], tuple(state[1]), state[2]))

    def epoch(self, schedule: list[tuple[int, int]], first: At, done: int = 0) -> Iterator[Batch]:
        """The batches of an epoch, of which `first` is the first step, without those that are `done`."""
        orders = [self._random.sample(bucket.order, len(bucket.order)) for bucket in self._buckets]
        size, accumulated = self._config.batch_size, self._config.gradient_accumulation_steps
        for index, (number, part) in enumerate(schedule):
            bucket = self._buckets[number]
            indices = orders[number][part * size : (part + 1) * size]
            at = At(first.epoch, first.step + index // accumulated)
            chances = self._draw(bucket, indices, at)
            if index >= done:
                yield self._batch(bucket, indices, chances)

    def _draw(self, bucket: Bucket, indices: list[int], at: At) -> _Chances:
        config, items = self._config, [bucket.items[i] for i in indices]
        flips = [int(config.flip_aug and self._random.random() < 0.5) for _ in indices]
        views = [drawn(item, config, self._random) for item in items] if config.is_varied else []
        return _Chances(items, flips, views, [self._caption(item, at) for item in items])

    def _batch(self, bucket: Bucket, indices: list[int], chances: _Chances) -> Batch:
        items, flips, views = chances.items, chances.flips, chances.views
        weights = [self._config.prior_loss_weight if item.is_reg else 1.0 for item in items]
        # Where a picture was cut at random isn't told, as sd-scripts doesn't.
        sizes = [_sizes(item, bool(flip)) for item, flip in zip(items, flips, strict=True)]
        if views:
            assert self._encoder is not None
            latents = self._encoder.encode(items, views, flips)
        else:
            latents = bucket.latents[indices, flips]
        return Batch(latents, chances.captions, weights, sizes, self._masks(bucket, indices, chances))

    def _masks(self, bucket: Bucket, indices: list[int], chances: _Chances) -> Tensor | None:
        kind = self._config.masks
        if not kind:
            return None
        if not chances.views:
            return bucket.masks[kind][indices, chances.flips]
        assert self._encoder is not None
        return self._encoder.masks(chances.items, kind, chances.views, chances.flips)

    def _caption(self, item: Item, at: At) -> str:
        lines = item.lines if self._config.enable_wildcard else (item.caption,)
        return self._wording.word(lines, at)
