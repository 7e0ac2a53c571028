"""What a pack trains on: images in buckets, their latents, their captions, and the order of batches.

The dataset is sd-scripts' DreamBooth layout: `<repeats>_<concept>/` folders of images with captions
beside them. Latents are encoded once and shared by all runs.

All runs see batches of the same bucket at the same step, as they must share a shape; that order
is the same in every epoch. Which images a run finds in them is drawn from the run's own seed. So
a run sees the same batches alone as in any pack.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from train_tools.dataset.training import TrainingImage, beside, training_images
from train_tools.errors import UsageError
from train_tools.families.stable_diffusion.base import BaseModel

from .config import RunConfig
from .wording import At, Wording


@dataclass(frozen=True)
class Item:
    """One training image. Sizes are (width, height) in pixels. `lines` are its caption's, blank ones left out.

    `original` is the image's own size.
    """

    path: Path
    folder: str
    caption: str
    repeats: int
    resized: tuple[int, int]
    bucket: tuple[int, int]
    is_reg: bool = False
    lines: tuple[str, ...] = ()
    original: tuple[int, int] = (0, 0)


@dataclass(frozen=True)
class Bucket:
    """Images of one size: `latents` (count, 2 or 1, 4, h, w); the second is the mirrored one."""

    size: tuple[int, int]
    items: tuple[Item, ...]
    latents: Tensor
    order: tuple[int, ...]  # indices into items, each as often as it is repeated


@dataclass(frozen=True)
class Batch:
    """One run's share of a step: latents (B, 4, h, w), B captions, B weights of their losses.

    `sizes` (B, 6) are each picture's original height and width, the crop's top and left, the height and width that it
    is trained at, in pixels.
    """

    latents: Tensor
    captions: list[str]
    weights: list[float]
    sizes: list[tuple[int, ...]]


def read_items(config: RunConfig) -> list[Item]:
    """The images that a run trains on, regularisation images last.

    Raises UsageError where there are none or a caption file isn't UTF-8, TrainToolsError where one is damaged.
    """
    images = training_images(config.train_data_dir)
    if not images:
        raise UsageError(
            f"{config.train_data_dir} holds no image in a <repeats>_<concept> folder; run `dataset process` first"
        )
    if config.reg_data_dir is not None:
        images += beside(images, training_images(config.reg_data_dir))
    return [_item(image, config) for image in images]


def _item(image: TrainingImage, config: RunConfig) -> Item:
    size = image.size()
    placed = config.bucket_rule.bucket_of(size)
    lines = _lines(image.path, config.caption_extension, image.concept)
    folder = image.path.parent.name
    return Item(
        image.path, folder, lines[0], image.repeats, placed.resized, placed.size, image.is_reg,
        tuple(line for line in lines if line) or ("",), size,
    )  # fmt: skip


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


def pixels(item: Item) -> Tensor:
    """The image as its bucket shows it: (3, height, width), -1 … 1."""
    with Image.open(item.path) as opened:
        image = opened.convert("RGB").resize(item.resized, Image.Resampling.LANCZOS)
    left, top = ((r - b) // 2 for r, b in zip(item.resized, item.bucket, strict=True))
    image = image.crop((left, top, left + item.bucket[0], top + item.bucket[1]))
    return torch.from_numpy(np.array(image)).permute(2, 0, 1).float() / 127.5 - 1


@torch.no_grad()
def encode(
    items: list[Item], base: BaseModel, flip: bool, batch_size: int, report: Callable[[int, int], None]
) -> list[Bucket]:
    """Encodes all images, one bucket after another; `report(done, of)` follows it."""
    # The latent is a sample of the encoder's distribution; drawn from a fixed seed, so that every
    # run of a dataset learns the same latents.
    generator = torch.Generator().manual_seed(0)
    buckets, done = [], 0
    for size in sorted({item.bucket for item in items}):
        members = tuple(item for item in items if item.bucket == size)
        latents = []
        for start in range(0, len(members), batch_size):
            images = torch.stack([pixels(item) for item in members[start : start + batch_size]])
            views = [images, images.flip(-1)] if flip else [images]
            latents.append(torch.stack([base.encode_image(view, generator) for view in views], dim=1))
            done += len(images)
            report(done, len(items))
        order = tuple(i for i, item in enumerate(members) for _ in range(item.repeats))
        buckets.append(Bucket(size, members, torch.cat(latents), order))
    return buckets


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

    def __init__(self, config: RunConfig, buckets: list[Bucket], steps: int) -> None:
        self._config = config
        self._buckets = buckets
        self._random = random.Random(config.seed)
        self._wording = Wording(config, self._random, steps)

    @property
    def random_state(self) -> list[Any]:
        """As JSON holds it."""
        version, numbers, gauss = self._random.getstate()
        return [version, list(numbers), gauss]

    @random_state.setter
    def random_state(self, state: list[Any]) -> None:
        self._random.setstate((state[0], tuple(state[1]), state[2]))

    def epoch(self, schedule: list[tuple[int, int]], first: At) -> Iterator[Batch]:
        """The batches of an epoch, of which `first` is the first step."""
        orders = [self._random.sample(bucket.order, len(bucket.order)) for bucket in self._buckets]
        size, accumulated = self._config.batch_size, self._config.gradient_accumulation_steps
        for done, (bucket, number) in enumerate(schedule):
            indices = orders[bucket][number * size : (number + 1) * size]
            yield self._batch(
                self._buckets[bucket], indices, At(first.epoch, first.step + done // accumulated)
            )

    def _batch(self, bucket: Bucket, indices: list[int], at: At) -> Batch:
        flips = [int(self._config.flip_aug and self._random.random() < 0.5) for _ in indices]
        captions = [self._caption(bucket.items[i], at) for i in indices]
        prior = self._config.prior_loss_weight
        weights = [prior if bucket.items[i].is_reg else 1.0 for i in indices]
        sizes = [_sizes(bucket.items[i], bool(flip)) for i, flip in zip(indices, flips, strict=True)]
        return Batch(bucket.latents[indices, flips], captions, weights, sizes)

    def _caption(self, item: Item, at: At) -> str:
        lines = item.lines if self._config.enable_wildcard else (item.caption,)
        return self._wording.word(lines, at)
