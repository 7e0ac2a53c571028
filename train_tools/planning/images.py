"""The images that a run goes through: which there are, how big, and how many steps an epoch takes."""

from __future__ import annotations

import functools
import hashlib
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from train_tools.dataset.buckets import Bucket, Size, bucket_resolutions, choose_bucket
from train_tools.dataset.training import fingerprint, training_images
from train_tools.errors import UsageError


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

    @functools.cached_property
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

    @functools.cached_property
    def resolutions(self) -> list[Size]:
        """The sizes of its buckets; raises UsageError where the limits leave no room for the resolution."""
        if not self.is_on:
            return [self.resolution]
        return bucket_resolutions(self.resolution, self.minimum, self.maximum, self.step)

    def bucket_of(self, image: Size) -> Bucket:
        """Where an image of this size is trained."""
        return choose_bucket(image, self.resolutions, self.resolution, self.step, self.no_upscale)


def read_dataset(processed: Path) -> Dataset:
    """The images of `<repeats>_<concept>` folders; only the files' heads are decoded.

    Raises UsageError where there are none, TrainToolsError where one can't be read.
    """
    found = read_images(processed)
    if not found.images:
        raise UsageError(
            f"{processed} holds no image in a <repeats>_<concept> folder; "
            "add images and run `dataset process`"
        )
    return found


def read_images(folder: Path) -> Dataset:
    """The same of any folder; there may be none."""
    found = training_images(folder)
    images = [DatasetImage(image.path, image.size(), image.repeats) for image in found]
    return Dataset(tuple(images), fingerprint(found))


def with_reg(dataset: Dataset, reg: Dataset) -> Dataset:
    """`dataset` and its regularisation images, as sd-scripts shows them: as often as the others, so steps double.

    They are taken in their order with their own repeats, and where they are too few, each once more, round after
    round; what is too many isn't trained.
    """
    wanted = dataset.images_per_epoch
    shown: dict[Path, DatasetImage] = {}
    count = 0
    while count < wanted and reg.images:
        for image in reg.images:
            known = shown.get(image.path)
            repeats = known.repeats + 1 if known else image.repeats
            shown[image.path] = DatasetImage(image.path, image.size, repeats)
            count += 1 if known else repeats
            if count >= wanted:
                break
    both = hashlib.sha256(f"{dataset.fingerprint} {reg.fingerprint}".encode()).hexdigest()
    return Dataset((*dataset.images, *shown.values()), both)


def steps_per_epoch(dataset: Dataset, arguments: Mapping[str, Any], processes: int = 1) -> int:
    """Optimizer steps in one epoch: batches never mix buckets, so each bucket's last may be smaller.

    `processes` share the batches.
    """
    batch = int(arguments["train_batch_size"])
    batches = sum(-(-count // batch) for count in bucket_counts(dataset, bucket_rule(arguments)).values())
    return -(-batches // (int(arguments["gradient_accumulation_steps"]) * processes))


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
    counts: Counter[Size] = Counter()
    for image in dataset.images:
        counts[rule.bucket_of(image.size).size] += image.repeats
    return counts
