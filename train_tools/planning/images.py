"""The images that a run goes through: which there are, how big, and how many steps an epoch takes."""

from __future__ import annotations

import functools
import hashlib
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image

from train_tools.dataset.buckets import Size, bucket_resolutions, choose_bucket
from train_tools.errors import UsageError

SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".webp", ".bmp"})
REPEATS_FOLDER = re.compile(r"(\d+)_.+", re.DOTALL)
SAMPLE_BYTES = 65_536  # of each end of a file; enough to tell edited images apart


@dataclass(frozen=True)
class DatasetImage:
    path: Path
    size: Size
    repeats: int


@dataclass(frozen=True, eq=False)
class Dataset:
    """`fingerprint` is equal as long as images, repeats and captions are."""

    images: tuple[DatasetImage, ...]
    fingerprint: str

    @property
    def images_per_epoch(self) -> int:
        return sum(image.repeats for image in self.images)


@dataclass(frozen=True)
class BucketRule:
    """What of a run's arguments decides which image goes into which bucket. Sizes in pixels."""

    resolution: Size
    is_on: bool
    minimum: int
    maximum: int
    step: int
    no_upscale: bool


def read_dataset(processed: Path) -> Dataset:
    """The images of `<repeats>_<concept>` folders; only the files' heads are decoded.

    Raises UsageError where there are none or one can't be read.
    """
    images = []
    summary = hashlib.sha256()
    folders = sorted(processed.iterdir()) if processed.is_dir() else []
    for folder in folders:
        found = REPEATS_FOLDER.fullmatch(folder.name)
        if not found or int(found[1]) < 1 or not folder.is_dir():
            continue
        for path in sorted(folder.iterdir()):
            if path.name.startswith("."):
                continue
            if path.suffix.lower() in SUFFIXES:
                images.append(DatasetImage(path, _size(path), int(found[1])))
            if path.is_file():
                summary.update(
                    f"{folder.name}/{path.name}\0".encode("utf-8", "surrogateescape") + _sample(path)
                )
    if not images:
        raise UsageError(
            f"{processed} holds no image in a <repeats>_<concept> folder; "
            "add images and run `dataset process`"
        )
    return Dataset(tuple(images), summary.hexdigest())


def steps_per_epoch(dataset: Dataset, arguments: Mapping[str, Any]) -> int:
    """Optimizer steps in one epoch: batches never mix buckets, so each bucket's last may be smaller."""
    batch = int(arguments["train_batch_size"])
    batches = sum(-(-count // batch) for count in bucket_counts(dataset, bucket_rule(arguments)).values())
    return -(-batches // int(arguments["gradient_accumulation_steps"]))


def bucket_rule(arguments: Mapping[str, Any]) -> BucketRule:
    width, height = (int(side) for side in str(arguments["resolution"]).split(","))
    return BucketRule(
        (width, height),
        bool(arguments["enable_bucket"]),
        int(arguments["min_bucket_reso"]),
        int(arguments["max_bucket_reso"]),
        int(arguments["bucket_reso_steps"]),
        bool(arguments["bucket_no_upscale"]),
    )


@functools.lru_cache(maxsize=64)
def bucket_counts(dataset: Dataset, rule: BucketRule) -> Counter[Size]:
    """How many images, counted with their repeats, are trained at which size."""
    if not rule.is_on:
        return Counter({rule.resolution: dataset.images_per_epoch})
    resolutions = bucket_resolutions(rule.resolution, rule.minimum, rule.maximum, rule.step)
    counts: Counter[Size] = Counter()
    for image in dataset.images:
        bucket = choose_bucket(image.size, resolutions, rule.resolution, rule.step, rule.no_upscale)
        counts[bucket.size] += image.repeats
    return counts


def _size(path: Path) -> Size:
    try:
        with Image.open(path) as image:
            return image.size
    except Exception as error:  # Pillow raises many kinds on damaged data
        raise UsageError(
            f"the training image {path} can't be read; run `dataset process` again or remove it"
        ) from error


def _sample(path: Path) -> bytes:
    size = path.stat().st_size
    with path.open("rb") as file:
        data = file.read(SAMPLE_BYTES)
        if size > SAMPLE_BYTES:
            file.seek(max(SAMPLE_BYTES, size - SAMPLE_BYTES))
            data += file.read()
    return size.to_bytes(8, "little") + hashlib.sha256(data).digest()
