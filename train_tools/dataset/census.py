"""Counts what a version holds."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from train_tools.dataset.originals import images_in
from train_tools.dataset.revision import read as read_revision
from train_tools.dataset.training import TrainingImage, fingerprint, training_images
from train_tools.errors import TrainToolsError
from train_tools.workspace.workspace import Version, folders_in

CAPTIONS = "-captions"  # end of the names of history folders that hold only captions


@dataclass(frozen=True)
class ConceptCount:
    folder: str
    concept: str
    repeats: int
    images: int
    captioned: int
    missing_captions: int
    empty_captions: int


@dataclass(frozen=True)
class Census:
    originals: int
    original_bytes: int
    images: int
    image_bytes: int
    images_per_epoch: int
    concepts: tuple[ConceptCount, ...]
    sizes: dict[str, int]  # "512x640" -> images, the most frequent first
    unreadable: tuple[str, ...]
    revision: int | None  # the current one; None: not processed, or by another program
    earlier_revisions: int
    fingerprint: str


def take_census(version: Version) -> Census:
    images = training_images(version.processed)
    originals = images_in(version.origin)
    sizes, unreadable = count_sizes(images)
    revision = read_revision(version.processed)
    return Census(
        originals=len(originals),
        original_bytes=sum(path.stat().st_size for path in originals),
        images=len(images),
        image_bytes=sum(image.path.stat().st_size for image in images),
        images_per_epoch=sum(image.repeats for image in images),
        concepts=count_concepts(images),
        sizes=sizes,
        unreadable=unreadable,
        revision=revision.number if revision else None,
        earlier_revisions=sum(not folder.name.endswith(CAPTIONS) for folder in folders_in(version.history)),
        fingerprint=fingerprint(images),
    )


def count_concepts(images: list[TrainingImage]) -> tuple[ConceptCount, ...]:
    by_folder: dict[Path, list[TrainingImage]] = {}
    for image in images:
        by_folder.setdefault(image.path.parent, []).append(image)
    counts = []
    for folder, members in by_folder.items():
        captions = [image.caption() for image in members]
        missing = captions.count(None)
        empty = captions.count("")
        counts.append(
            ConceptCount(
                folder.name,
                members[0].concept,
                members[0].repeats,
                len(members),
                len(members) - missing - empty,
                missing,
                empty,
            )
        )
    return tuple(counts)


def count_sizes(images: list[TrainingImage]) -> tuple[dict[str, int], tuple[str, ...]]:
    sizes: Counter[str] = Counter()
    unreadable = []
    for image in images:
        try:
            width, height = image.size()
        except TrainToolsError:
            unreadable.append(image.path.name)
        else:
            sizes[f"{width}x{height}"] += 1
    return dict(sizes.most_common()), tuple(unreadable)
