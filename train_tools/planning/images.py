"""The images that a run goes through: which there are, how big, and how many steps an epoch takes."""

from __future__ import annotations

import dataclasses
import functools
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from train_tools.arguments.sizes import sizes_of
from train_tools.dataset.buckets import BucketRule, Size
from train_tools.dataset.training import TrainingImage, beside, fingerprints, held_back, training_images
from train_tools.errors import UsageError


@dataclass(frozen=True)
class DatasetImage:
    path: Path
    size: Size
    repeats: int


@dataclass(frozen=True, eq=False)
class Dataset:
    """`images` with the regularisation images of an epoch; `fingerprint` is equal as long as all and captions are.

    `parts` are what it is made of, see `dataset.training.fingerprints`. `own` and `reg` are those of them that are the
    version's, and all that may be trained beside them.
    """

    images: tuple[DatasetImage, ...]
    fingerprint: str
    parts: Mapping[str, str] = dataclasses.field(default_factory=dict)
    own: tuple[TrainingImage, ...] = ()
    reg: tuple[TrainingImage, ...] = ()

    @functools.cached_property
    def images_per_epoch(self) -> int:
        return sum(image.repeats for image in self.images)

    def trained(self, arguments: Mapping[str, Any]) -> Dataset:
        """Without what is held back to validate."""
        share = float(arguments.get("validation_split") or 0)
        return _without(self, share, arguments.get("validation_seed")) if 0 < share <= 1 else self


@functools.lru_cache(maxsize=64)
def _without(dataset: Dataset, share: float, seed: int | None) -> Dataset:
    own, _ = held_back(dataset.own, share, seed)
    if not own:
        raise UsageError(f"validation_split {share} leaves no image to train; choose a smaller share")
    sizes = {image.path: image.size for image in dataset.images}
    found = [*own, *beside(own, dataset.reg)]
    images = tuple(DatasetImage(image.path, sizes[image.path], image.repeats) for image in found)
    return dataclasses.replace(dataset, images=images)


def read_dataset(processed: Path, reg: Path | None = None) -> Dataset:
    """The images of `<repeats>_<concept>` folders, and those of `reg` beside them; only the files' heads are decoded.

    Raises UsageError where there are none, TrainToolsError where one can't be read.
    """
    own = training_images(processed)
    if not own:
        raise UsageError(
            f"{processed} holds no image in a <repeats>_<concept> folder; "
            "add images and run `dataset process`"
        )
    beside_them = training_images(reg) if reg is not None else []
    found = [*own, *beside(own, beside_them)]
    images = [DatasetImage(image.path, image.size(), image.repeats) for image in found]
    return Dataset(tuple(images), *fingerprints(found), tuple(own), tuple(beside_them))


def steps_per_epoch(dataset: Dataset, arguments: Mapping[str, Any], processes: int = 1) -> int:
    """Optimizer steps in one epoch: batches never mix buckets nor sizes, so each bucket's last may be smaller.

    `processes` share the batches.
    """
    batch = int(arguments["train_batch_size"])
    batches = sum(
        -(-count // batch)
        for rule in bucket_rules(arguments)
        for count in bucket_counts(dataset.trained(arguments), rule).values()
    )
    return -(-batches // (int(arguments["gradient_accumulation_steps"]) * processes))


def bucket_rules(arguments: Mapping[str, Any]) -> list[BucketRule]:
    """One for each size, the smallest first: every image is trained at all of them."""
    return [
        BucketRule(
            size,
            bool(arguments["enable_bucket"]),
            int(arguments["min_bucket_reso"]),
            int(arguments["max_bucket_reso"]),
            int(arguments["bucket_reso_steps"]),
            bool(arguments["bucket_no_upscale"]),
        )
        for size in sizes_of(arguments["resolution"])
    ]


def shown_in_an_epoch(dataset: Dataset, arguments: Mapping[str, Any]) -> int:
    """Images, with their repeats, at each size."""
    return dataset.trained(arguments).images_per_epoch * len(sizes_of(arguments["resolution"]))


@functools.lru_cache(maxsize=64)
def bucket_counts(dataset: Dataset, rule: BucketRule) -> Counter[Size]:
    """How many images, counted with their repeats, are trained at which size."""
    if not rule.is_on:
        return Counter({rule.resolution: dataset.images_per_epoch})
    counts: Counter[Size] = Counter()
    for image in dataset.images:
        counts[rule.bucket_of(image.size).size] += image.repeats
    return counts
