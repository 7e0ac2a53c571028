"""Regularisation images: `dataset/reg/<n>_<concept>/`, trained beside the concept of the same name."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path, PurePath

from PIL import Image

from train_tools.dataset.candidates import find_candidates
from train_tools.dataset.images import is_plain, to_rgb
from train_tools.dataset.intake import FAILED, IGNORED, IntakeReport, Item, Store, take_in
from train_tools.dataset.known import Skipped
from train_tools.dataset.making import png
from train_tools.dataset.origin import Origin
from train_tools.dataset.originals import images_in
from train_tools.dataset.progress import Report, silent
from train_tools.dataset.settings import MOST_REPEATS
from train_tools.dataset.sources import check_sources, entries_of
from train_tools.dataset.training import REPEATS_FOLDER, SUFFIXES, TrainingImage, training_images
from train_tools.errors import UsageError
from train_tools.workspace.files import require_inside
from train_tools.workspace.lock import writing
from train_tools.workspace.names import check_name, comparable, same_on_some_disk
from train_tools.workspace.workspace import Version, folders_in


@dataclass(frozen=True)
class RegCount:
    """`belongs_to` is the concept that it is trained with, `wanted` how often that one's images are shown.

    sd-scripts takes as many: it repeats regularisation images that are fewer and leaves out those that are more.
    """

    folder: str
    concept: str
    repeats: int
    images: int
    belongs_to: str
    wanted: int


def add_reg(
    version: Version,
    sources: Sequence[Path],
    concept: str,
    repeats: int | None = None,
    report: Report = silent,
) -> IntakeReport:
    """Adds regularisation images of `concept`; `repeats` of a new folder are 1 if not said.

    They are trained as they lie there. So what trainers read in different ways or not at all (turned by EXIF,
    CMYK, 16 bits, transparent, TIFF …) becomes an upright sRGB PNG; the rest is copied byte for byte.
    Raises UsageError as `add` does, and where the folder is there with other repeats.
    """
    check_sources(sources)
    with writing(version, "adding regularisation images"), ExitStack() as stack:
        folder = reg_folder(version, concept, repeats)
        found = find_candidates(entries_of(sources, stack))
        items = [
            Item(one.shown, FAILED if one.is_fault else IGNORED, "", one.reason) for one in found.left_out
        ]
        take_in(found, Store(Origin(folder), None, folder.name, trainable), items, report)
    return IntakeReport(tuple(items))


def reg_folder(version: Version, concept: str, repeats: int | None) -> Path:
    check_name(concept, "concept")
    if repeats is not None and not 1 <= repeats <= MOST_REPEATS:
        raise UsageError(f"--repeats is {repeats}; allowed: from 1 to {MOST_REPEATS}")
    for folder in folders_in(version.reg):
        match = REPEATS_FOLDER.fullmatch(folder.name)
        if match and same_on_some_disk(match[2], concept):
            if repeats not in (None, int(match[1])):
                raise UsageError(
                    f"{folder} is there with {int(match[1])} repeats; "
                    f"rename it to {repeats}_{match[2]} or leave --repeats out"
                )
            return require_inside(folder, version.folder)
    return require_inside(version.reg / f"{repeats or 1}_{concept}", version.folder)


def trainable(name: str, data: bytes, image: Image.Image) -> tuple[str, bytes]:
    path = PurePath(name)
    if path.suffix.lower() in SUFFIXES and is_plain(image):
        return name, data
    return f"{path.stem}.png", png(to_rgb(image))


def count_reg(
    reg: Path, training: Sequence[TrainingImage]
) -> tuple[tuple[RegCount, ...], tuple[Skipped, ...]]:
    """Each folder of regularisation images, and what in dataset/reg is of no use."""
    shown: dict[str, int] = {}
    spelt: dict[str, str] = {}
    for image in training:
        key = comparable(image.concept)
        spelt.setdefault(key, image.concept)
        shown[key] = shown.get(key, 0) + image.repeats
    folders: dict[str, list[TrainingImage]] = {}
    for image in training_images(reg):
        folders.setdefault(image.path.parent.name, []).append(image)
    counts = []
    for name, images in folders.items():
        key, concept = comparable(images[0].concept), images[0].concept
        counts.append(
            RegCount(name, concept, images[0].repeats, len(images), spelt.get(key, ""), shown.get(key, 0))
        )
    return tuple(counts), tuple(_problems(reg, counts, list(spelt.values())))


def _problems(reg: Path, counts: Sequence[RegCount], concepts: Sequence[str]) -> list[Skipped]:
    there = f"there are: {', '.join(concepts)}" if concepts else "nothing is processed yet"
    found = [
        Skipped(
            one.folder, f"no concept is called {one.concept!r} ({there}); rename the folder to <n>_<concept>"
        )
        for one in counts
        if not one.belongs_to
    ]
    loose = images_in(reg)
    if loose:
        found.append(
            Skipped(loose[0].name, f"{len(loose)} images lie in reg itself; move them to reg/<n>_<concept>")
        )
    used = {one.folder for one in counts}
    unused = [folder.name for folder in folders_in(reg) if folder.name not in used]
    return found + [Skipped(name, "no images to train, or its name isn't <n>_<concept>") for name in unused]
