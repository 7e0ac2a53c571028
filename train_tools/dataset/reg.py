"""Regularisation images: `dataset/reg/<n>_<class>/`, trained beside the images of all concepts.

Trainers don't match them to concepts by name. What the folder's name says is the caption of those that have none: it
must be the class (`1_person`), never the word that the LoRA is called by.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from train_tools.dataset.intake import IntakeReport, read_sources
from train_tools.dataset.known import Skipped
from train_tools.dataset.layout import LEFT_OUT, REG, Role
from train_tools.dataset.origin import Origin
from train_tools.dataset.originals import images_in
from train_tools.dataset.progress import Report, silent
from train_tools.dataset.proposal import left_out_items
from train_tools.dataset.reg_folders import reg_folder, trainable
from train_tools.dataset.sources import check_sources
from train_tools.dataset.taking import FAILED, IGNORED, Item, Store, take_in
from train_tools.dataset.training import TrainingImage, beside, training_images
from train_tools.dataset.triggers import is_trained_as
from train_tools.workspace.lock import writing
from train_tools.workspace.workspace import Version, folders_in


@dataclass(frozen=True)
class RegCount:
    """`name` is the class, `shown` how often its images are shown in an epoch.

    Trainers take as many as there are training images: they repeat regularisation images that are fewer and leave out
    those that are more. `as_trigger` are those that are trained with the trigger word alone, which unlearns it.
    """

    folder: str
    name: str
    repeats: int
    images: int
    without_caption: int
    shown: int
    as_trigger: int


def add_reg(
    version: Version,
    sources: Sequence[Path],
    name: str,
    repeats: int | None = None,
    report: Report = silent,
    *,
    as_is: bool = False,
) -> IntakeReport:
    """Adds regularisation images of the class `name`; `repeats` of a new folder are 1 if not said.

    They are made what any trainer reads. Raises UsageError as `add` does, and where the folder is there with other
    repeats.
    """
    check_sources(sources)
    with writing(version, "adding regularisation images"), ExitStack() as stack:
        folder = reg_folder(version, name, repeats)
        found, proposal = read_sources(version, sources, stack, Role(REG), as_is=as_is)
        left_out = [*found.left_out, *left_out_items(found, proposal)]
        items = [Item(one.shown, FAILED if one.is_fault else IGNORED, "", one.reason) for one in left_out]
        into = Store(Origin(folder), None, folder.name, trainable)
        pairs = zip(found.candidates, proposal.roles, strict=True)
        take_in([(one, into) for one, role in pairs if role.kind != LEFT_OUT], items, report)
    return IntakeReport(tuple(items), decisions=proposal.decisions)


def count_reg(
    reg: Path, training: Sequence[TrainingImage], triggers: Sequence[str]
) -> tuple[tuple[RegCount, ...], tuple[Skipped, ...]]:
    """Each folder of regularisation images, and what in dataset/reg is of no use or harms."""
    folders: dict[str, list[TrainingImage]] = {}
    images = training_images(reg)
    for image in images:
        folders.setdefault(image.path.parent.name, []).append(image)
    shown = dict.fromkeys(folders, 0)
    for image in beside(training, images):
        shown[image.path.parent.name] += image.repeats
    counts = [
        RegCount(
            folder,
            members[0].concept,
            members[0].repeats,
            len(members),
            sum(not image.caption_file.exists() for image in members),
            shown[folder],
            sum(is_trained_as(image, triggers) for image in members),
        )
        for folder, members in folders.items()
    ]
    return tuple(counts), tuple(_problems(reg, counts))


def _problems(reg: Path, counts: Sequence[RegCount]) -> list[Skipped]:
    found = [
        Skipped(
            one.folder,
            f"{one.as_trigger} image(s) are trained with the trigger word, which unlearns it; rename the folder to "
            "<n>_<class>, as 1_person, or caption them without that word",
        )
        for one in counts
        if one.as_trigger
    ]
    loose = images_in(reg)
    if loose:
        found.append(
            Skipped(loose[0].name, f"{len(loose)} images lie in reg itself; move them to reg/<n>_<class>")
        )
    used = {one.folder for one in counts}
    unused = [folder.name for folder in folders_in(reg) if folder.name not in used]
    return found + [Skipped(name, "no images to train, or its name isn't <n>_<class>") for name in unused]
