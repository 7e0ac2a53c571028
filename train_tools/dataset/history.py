"""Earlier revisions of the processed set: which there are, and how one is made current again."""

from __future__ import annotations

import shutil
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from train_tools.dataset import revision as revisions
from train_tools.dataset.making import link_or_copy
from train_tools.dataset.process import archive_name
from train_tools.dataset.progress import Progress, Report, silent
from train_tools.dataset.training import is_trained, training_images
from train_tools.errors import TrainToolsError, UsageError
from train_tools.workspace import swap
from train_tools.workspace.files import require_inside
from train_tools.workspace.lock import writing
from train_tools.workspace.os_errors import sentence_of
from train_tools.workspace.workspace import Version


@dataclass(frozen=True)
class RevisionInfo:
    """`number` is None for a set that another program made; `name` is what `restore` finds it by, too."""

    number: int | None
    name: str
    time: str
    images: int
    is_current: bool
    restored_from: int | None
    folder: Path


@dataclass(frozen=True)
class RestoreReport:
    """The restored revision has a number of its own; `previous` is where the one before it lies now."""

    revision: int | None
    restored: RevisionInfo
    images: int
    previous: Path | None


def revisions_of(version: Version) -> list[RevisionInfo]:
    """The earlier ones, the oldest first, and the current one."""
    found = [_info(folder, is_current=False) for folder in revisions.folders_of(version)]
    if version.processed.is_dir():
        found.append(_info(version.processed, is_current=True))
    return found


def _info(folder: Path, is_current: bool) -> RevisionInfo:
    revision = revisions.read(folder)
    number, time, origin = (
        (revision.number, revision.time, revision.restored_from) if revision else (None, "", None)
    )
    name = "current" if is_current else folder.name
    return RevisionInfo(number, name, time, len(training_images(folder)), is_current, origin, folder)


def restore(version: Version, which: str, report: Report = silent) -> RestoreReport:
    """Makes revision number `which` (or the folder of that name in the history) current, as a new revision.

    The current one goes to the history; the restored one stays there as well, so nothing is lost whatever
    happens on the way. Pictures are linked, captions copied. Raises UsageError where there is no such
    revision, TrainToolsError where the disk refuses.
    """
    with writing(version, f"restoring revision {which}"):
        chosen = find(version, which)
        require_inside(chosen.folder, version.folder)
        before = revisions.read(version.processed)
        building = None
        try:
            building = swap.begin(version.processed)
            _copy(chosen.folder, building, report)
            number = _renumber(version, building)
            archive = archive_name(version, before)
            archived = swap.swap(building, version.processed, archive)
        except OSError as error:
            told = sentence_of(error, version.processed)
            raise TrainToolsError(
                f"nothing was restored, the current images are untouched: {told}"
            ) from error
        finally:
            if building is not None and building.exists():
                shutil.rmtree(building, ignore_errors=True)
    return RestoreReport(number, chosen, chosen.images, archive if archived else None)


def find(version: Version, which: str) -> RevisionInfo:
    """Of several folders of one number, the newest."""
    found = revisions_of(version)
    wanted = [r for r in found if which in (str(r.number), r.name)]
    if any(revision.is_current for revision in wanted):
        raise UsageError(f"revision {which} is the current one; there is nothing to restore")
    if not wanted:
        names = [str(r.number) if r.number is not None else r.name for r in found if not r.is_current]
        there = f"there are: {', '.join(names)}" if names else "there is no earlier one"
        raise UsageError(f"{version.project} {version.name} has no revision {which!r}; {there}")
    return wanted[-1]


def _copy(source: Path, target: Path, report: Report) -> None:
    """Only images are linked: captions and a trainer's caches are changed in place by people and programs."""
    paths = sorted(path for path in source.rglob("*") if path.is_file() and not path.is_symlink())
    total, done = sum(is_trained(path) for path in paths), 0
    for path in paths:
        place = target / path.relative_to(source)
        place.parent.mkdir(parents=True, exist_ok=True)
        if is_trained(path):
            link_or_copy(path, place)
            done += 1
            report(Progress(done, total, path.name, "restored"))
        else:
            shutil.copy2(path, place)


def _renumber(version: Version, building: Path) -> int | None:
    """A number and time of its own; None for what another program made."""
    revision = revisions.read(building)
    if revision is None:
        return None
    number = revisions.next_number(version)
    now = datetime.now().isoformat("T", "seconds")
    revisions.write(building, replace(revision, number=number, time=now, restored_from=revision.number))
    return number
