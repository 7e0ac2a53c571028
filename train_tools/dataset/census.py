"""Counts what a version holds, and gives the training images with their repeats."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from train_tools.dataset.images import open_header
from train_tools.dataset.originals import images_in, is_image, read_caption
from train_tools.dataset.revision import read as read_revision
from train_tools.errors import TrainToolsError
from train_tools.workspace.workspace import Version, folders_in

REPEAT_FOLDER = re.compile(r"(\d+)_(.+)", re.DOTALL)  # as sd-scripts reads them; others aren't trained
CAPTIONS = "-captions"  # end of the names of history folders that hold only captions


@dataclass(frozen=True)
class TrainingImage:
    path: Path
    concept: str
    repeats: int

    @property
    def caption_file(self) -> Path:
        return self.path.with_suffix(".txt")

    def caption(self) -> str | None:
        """None where there is no file; raises UnreadableCaptionError where it isn't UTF-8."""
        return read_caption(self.caption_file) if self.caption_file.exists() else None

    def size(self) -> tuple[int, int]:
        """Width and height in pixels, from the file's head; raises TrainToolsError where that is damaged."""
        try:
            with open_header(self.path) as image:
                return image.size
        except Exception as error:  # Pillow raises a dozen kinds on damaged data
            raise TrainToolsError(f"{self.path} can't be read; process the data set again") from error


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


def training_images(folder: Path) -> list[TrainingImage]:
    """Images of the `<repeats>_<concept>` folders in dataset/processed or dataset/reg, by name."""
    found = []
    for concept_folder in folders_in(folder):
        match = REPEAT_FOLDER.fullmatch(concept_folder.name)
        if match:
            repeats = int(match[1])
            found += [TrainingImage(path, match[2], repeats) for path in images_in(concept_folder)]
    return found


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
        fingerprint=fingerprint(version),
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


def fingerprint(version: Version) -> str:
    """sha256 over names, image bytes and captions of the processed set: what training sees."""
    whole = hashlib.sha256()
    files = [
        path for image in training_images(version.processed) for path in (image.path, image.caption_file)
    ]
    for path in sorted(files, key=lambda path: path.relative_to(version.processed).as_posix()):
        if path.exists():
            data = path.read_bytes() if is_image(path) else read_caption(path).encode("utf-8")
            name = path.relative_to(version.processed).as_posix()
            whole.update(f"{name}\0{hashlib.sha256(data).hexdigest()}\n".encode())
    return whole.hexdigest()
