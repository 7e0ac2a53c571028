"""Counts what a version holds."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from train_tools.dataset.known import Known, LastIntake, Skipped
from train_tools.dataset.looks import Duplicates, find_duplicates
from train_tools.dataset.originals import Original, originals_in
from train_tools.dataset.reg import RegCount, count_reg
from train_tools.dataset.revision import Revision, folders_of
from train_tools.dataset.revision import read as read_revision
from train_tools.dataset.training import TrainingImage, fingerprint, training_images
from train_tools.dataset.triggers import triggers_of
from train_tools.errors import TrainToolsError
from train_tools.workspace.workspace import Version


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
    """`found` originals: `used` ones have images in the current revision, `skipped` ones say why they haven't."""

    originals: int
    original_bytes: int
    used: int
    skipped: tuple[Skipped, ...]
    last_intake: LastIntake
    duplicates: tuple[Duplicates, ...]
    not_looked_at: int  # originals that no intake or processing has seen as they are now
    images: int
    image_bytes: int
    images_per_epoch: int
    concepts: tuple[ConceptCount, ...]
    sizes: dict[str, int]  # "512x640" -> images, the most frequent first
    unreadable: tuple[str, ...]
    revision: int | None  # the current one; None: not processed, or by another program
    earlier_revisions: int
    fingerprint: str
    reg: tuple[RegCount, ...]
    reg_problems: tuple[Skipped, ...]  # what of dataset/reg is of no use or harms


def take_census(version: Version) -> Census:
    images = training_images(version.processed)
    originals = originals_in(version.origin)
    sizes, unreadable = count_sizes(images)
    revision = read_revision(version.processed)
    known = Known.of(version)
    looks = known.looks(originals)
    used, skipped = use_of(originals, revision)
    reg, reg_problems = count_reg(version.reg, images, triggers_of(version, images))
    return Census(
        originals=len(originals),
        original_bytes=sum(original.path.stat().st_size for original in originals),
        used=used,
        skipped=skipped,
        last_intake=known.last_intake,
        duplicates=find_duplicates(looks),
        not_looked_at=len(originals) - len(looks),
        images=len(images),
        image_bytes=sum(image.path.stat().st_size for image in images),
        images_per_epoch=sum(image.repeats for image in images),
        concepts=count_concepts(images),
        sizes=sizes,
        unreadable=unreadable,
        revision=revision.number if revision else None,
        earlier_revisions=len(folders_of(version)),
        fingerprint=fingerprint(images),
        reg=reg,
        reg_problems=reg_problems,
    )


def use_of(originals: list[Original], revision: Revision | None) -> tuple[int, tuple[Skipped, ...]]:
    """How many originals the current revision was made of, and why the others are not in it."""
    if revision is None:
        return 0, ()
    used = {source.original for source in revision.images}
    reasons = {one.name: one.reason for one in revision.skipped}
    since = "not in the current revision; run `dataset process`"
    skipped = [o.name for o in originals if o.name not in used]
    return len(originals) - len(skipped), tuple(Skipped(name, reasons.get(name, since)) for name in skipped)


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
