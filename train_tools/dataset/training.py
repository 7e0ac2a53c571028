"""The images that a run trains on, as sd-scripts' DreamBooth layout names them: `<repeats>_<concept>/`.

Everything that counts, plans or trains a version's images reads them here.
"""

from __future__ import annotations

import dataclasses
import hashlib
import itertools
import math
import os
import random
import re
from collections.abc import Sequence
from pathlib import Path

from train_tools.dataset.buckets import Size
from train_tools.dataset.formats import open_header
from train_tools.dataset.originals import CAPTION_SUFFIXES, read_caption
from train_tools.errors import TrainToolsError
from train_tools.workspace.workspace import folders_in

SUFFIXES = frozenset([".png", ".jpg", ".jpeg", ".webp", ".bmp"])  # what every version of sd-scripts reads
REPEATS_FOLDER = re.compile(r"(\d+)_(.+)", re.DOTALL)
IMAGES, CAPTIONS, FOLDERS = PARTS = ("images", "captions", "folders")  # folders say repeats and concepts
PART_LENGTH = 16
SAMPLE_BYTES = 65_536  # of each end of a file; enough to tell edited images apart


@dataclasses.dataclass(frozen=True)
class TrainingImage:
    """`repeats` is how often an epoch shows it. `is_reg` is a regularisation image."""

    path: Path
    concept: str
    repeats: int
    is_reg: bool = False

    @property
    def caption_file(self) -> Path:
        return self.path.with_suffix(".txt")

    def caption(self) -> str | None:
        """None where there is no file; raises UnreadableCaptionError where it isn't UTF-8."""
        return read_caption(self.caption_file) if self.caption_file.exists() else None

    def size(self) -> Size:
        """Width and height in pixels, from the file's head; raises TrainToolsError where that is damaged."""
        try:
            with open_header(self.path) as image:
                return image.size
        except Exception as error:  # Pillow raises a dozen kinds on damaged data
            raise TrainToolsError(
                f"the training image {self.path} can't be read; run `dataset process` again or remove it"
            ) from error


def training_images(folder: Path) -> list[TrainingImage]:
    """Images of the repeat folders in dataset/processed or dataset/reg, by name.

    Folders with other names or 0 repeats aren't trained, nor are hidden files and other formats.
    """
    found = []
    for concept_folder in folders_in(folder):
        match = REPEATS_FOLDER.fullmatch(concept_folder.name)
        if match and int(match[1]) > 0:
            with os.scandir(
                concept_folder
            ) as entries:  # which knows files from folders without a look at each
                paths = sorted(
                    Path(entry.path) for entry in entries if entry.is_file() and has_picture_name(entry.name)
                )
            found += [TrainingImage(path, match[2], int(match[1])) for path in paths]
    return found


def held_back(
    images: Sequence[TrainingImage], share: float, seed: int | None = None
) -> tuple[list[TrainingImage], list[TrainingImage]]:
    """What is trained, and what is held back to validate: `share` of each folder's images.

    As split_train_val in sd-scripts' library/train_util.py (48d368fa) with a validation_seed. Without one it draws
    twice, so that what validates may be trained, too; here it is as with 0.
    """
    if not 0 < share <= 1:
        return list(images), []
    trained: list[TrainingImage] = []
    kept: list[TrainingImage] = []
    for _, group in itertools.groupby(images, key=lambda image: image.path.parent):
        mixed = list(group)
        random.Random(seed or 0).shuffle(mixed)
        trained += mixed[: math.ceil(len(mixed) * (1 - share))]
        kept += mixed[len(mixed) - round(len(mixed) * share) :]
    return trained, kept


def beside(images: Sequence[TrainingImage], reg: Sequence[TrainingImage]) -> list[TrainingImage]:
    """The regularisation images of an epoch: as many as `images` with their repeats.

    The rule of sd-scripts (`DreamBoothDataset`): they are taken in order with their folder's repeats until there are
    enough, and what is left out isn't shown; fewer are repeated once more each, round after round.
    """
    missing = sum(image.repeats for image in images) if reg else 0
    taken: list[int] = []
    for image in reg:
        if missing <= 0:
            break
        taken.append(image.repeats)
        missing -= image.repeats
    rounds, more = divmod(max(missing, 0), len(taken) or 1)
    return [
        dataclasses.replace(image, repeats=repeats + rounds + (index < more), is_reg=True)
        for index, (image, repeats) in enumerate(zip(reg, taken, strict=False))
    ]


def is_trained(path: Path) -> bool:
    return has_picture_name(path.name) and path.is_file()


def has_picture_name(name: str) -> bool:
    return not name.startswith(".") and Path(name).suffix.lower() in SUFFIXES


def fingerprint(images: Sequence[TrainingImage]) -> str:
    """sha256 over names, repeats, captions and pictures: equal as long as training sees the same."""
    return fingerprints(images)[0]


def fingerprints(images: Sequence[TrainingImage]) -> tuple[str, dict[str, str]]:
    """That of all, and by PARTS those by which it is told what has changed.

    Of large pictures both ends and the length are read: enough to notice an edit, quick for thousands.
    """
    whole = hashlib.sha256()
    parts = {name: hashlib.sha256() for name in PARTS}
    for image in sorted(images, key=lambda image: (image.is_reg, image.path.parent.name, image.path.name)):
        for path in (image.path, *(image.path.with_suffix(suffix) for suffix in CAPTION_SUFFIXES)):
            if path.is_file():
                kind = "reg/" * image.is_reg
                name = f"{kind}{path.parent.name}/{path.name}\0".encode("utf-8", "surrogateescape")
                sample = _sample(path)
                whole.update(name + sample)
                own = f"{kind}{path.name}\0".encode("utf-8", "surrogateescape") + sample
                parts[IMAGES if path == image.path else CAPTIONS].update(own)
                if path == image.path:
                    parts[FOLDERS].update(name)
    return whole.hexdigest(), {name: part.hexdigest()[:PART_LENGTH] for name, part in parts.items()}


def _sample(path: Path) -> bytes:
    size = path.stat().st_size
    with path.open("rb") as file:
        data = file.read(SAMPLE_BYTES)
        if size > SAMPLE_BYTES:
            file.seek(max(SAMPLE_BYTES, size - SAMPLE_BYTES))
            data += file.read()
    return size.to_bytes(8, "little") + hashlib.sha256(data).digest()
