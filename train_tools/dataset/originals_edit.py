"""Takes originals out of a version, or to another concept, always together with their captions and masks."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath

from train_tools.dataset.intake import concept_folder
from train_tools.dataset.known import Known
from train_tools.dataset.origin import LONGEST_STEM, cut
from train_tools.dataset.originals import (
    MASK_END,
    Original,
    is_caption,
    masked_stem,
    masks_among,
    originals_in,
    picture_files,
)
from train_tools.errors import UsageError
from train_tools.workspace.files import free_name, sync_folder, time_stamp, write_json
from train_tools.workspace.lock import writing
from train_tools.workspace.names import comparable
from train_tools.workspace.os_errors import with_name
from train_tools.workspace.workspace import Version


@dataclass(frozen=True)
class Deleted:
    """`entry` is the trash's name for them, by which workspace.trash.restore puts them back."""

    entry: str
    images: int


@dataclass(frozen=True)
class Moved:
    """Old name -> new name, of those that lay elsewhere before."""

    names: dict[str, str]


def delete_originals(version: Version, names: Sequence[str], trash: Path) -> Deleted:
    """All to one entry of the trash. Raises UsageError where one isn't there (nothing is deleted then)."""
    with writing(version, "deleting originals"):
        there = originals_in(version.origin)
        chosen = _chosen(there, names)
        leaving = _Leaving(there, chosen)
        target = free_name(trash, f"{time_stamp()}-{len(chosen)}-originals")
        target.mkdir(parents=True)
        # The note first: whatever happens from now on, they can be put back.
        was = Path(os.path.relpath(version.origin, trash.parent)).as_posix()
        write_json(target.with_name(f"{target.name}.json"), {"from": was})
        for concept in {original.concept for original in chosen}:
            (target / concept).mkdir(exist_ok=True)
        for original in chosen:
            for path in (original.path, *leaving.companions(original)):
                _rename(path, target / path.relative_to(version.origin))
        _sync(target, version.origin)
    return Deleted(target.name, len(chosen))


def move_originals(version: Version, names: Sequence[str], concept: str) -> Moved:
    """To `concept` ("" is the version's own), under the next free name where theirs is taken.

    Raises UsageError where one isn't there or `concept` can't be a folder.
    """
    with writing(version, "moving originals"):
        folder = concept_folder(version, concept)
        there = originals_in(version.origin)
        chosen = [original for original in _chosen(there, names) if original.concept != concept]
        leaving, known, moved = _Leaving(there, chosen), Known.of(version), {}
        taken = {comparable(path.stem) for path in folder.iterdir()} if folder.is_dir() else set()
        folder.mkdir(parents=True, exist_ok=True)
        for original in chosen:
            stem = _free_stem(original.path, taken)
            taken.add(comparable(stem))
            for path in leaving.companions(original):
                _rename(path, folder / f"{stem}{MASK_END * bool(masked_stem(path))}{path.suffix}")
            target = Original(folder / (stem + original.path.suffix), concept)
            _rename(original.path, target.path)
            moved[original.name] = target.name
            if original.name in known.entries:
                known.entries[target.name] = known.entries.pop(original.name)
        _sync(folder, version.origin)
        known.save(originals_in(version.origin))
    return Moved(moved)


def _chosen(originals: Sequence[Original], names: Sequence[str]) -> list[Original]:
    there = {original.name: original for original in originals}
    missing = [name for name in names if name not in there]
    if missing:
        raise UsageError(f"{len(missing)} of these images aren't there any more ({missing[0]}); look again")
    if not names:
        raise UsageError("no image is chosen; choose some first")
    return [there[name] for name in dict.fromkeys(names)]


class _Leaving:
    """Which captions and masks go along: those that no image needs that stays."""

    def __init__(self, there: Sequence[Original], leaving: Sequence[Original]) -> None:
        going = set(leaving)
        self._staying = {_key(one.path) for one in there if one not in going}
        self._companions: dict[tuple[Path, str], list[Path]] = {}
        for folder in {one.path.parent for one in leaving}:
            for path in folder.iterdir():
                if is_caption(path):
                    self._companions.setdefault(_key(path), []).append(path)
            for stem, path in masks_among(picture_files(folder)).items():
                self._companions.setdefault((folder, comparable(stem)), []).append(path)

    def companions(self, original: Original) -> list[Path]:
        """Of an image; several of the same stem share one, which goes with the first of them."""
        key = _key(original.path)
        return [] if key in self._staying else self._companions.pop(key, [])


def _key(path: Path) -> tuple[Path, str]:
    return path.parent, comparable(path.stem)


def _free_stem(path: PurePath, taken: set[str]) -> str:
    stem, number = path.stem, 2
    while comparable(stem) in taken:
        stem = f"{cut(path.stem, LONGEST_STEM)} ({number})"
        number += 1
    return stem


def _rename(path: Path, target: Path) -> None:
    try:
        path.rename(target)
    except OSError as error:
        raise with_name(error, path)  # noqa: B904 - it is the same one


def _sync(*folders: Path) -> None:
    """Once for all: thousands of files are moved in a moment."""
    for folder in folders:
        if folder.is_dir():
            sync_folder(folder)
