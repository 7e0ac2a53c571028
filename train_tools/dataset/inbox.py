"""Uploads on their way in: what has arrived of a batch waits in `<version>/.uploads/<batch>/` until it is taken in.

So a broken connection, a reload or a crash loses nothing that arrived.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from train_tools.dataset.origin import portable
from train_tools.errors import UsageError
from train_tools.workspace.files import move_to_trash, require_inside
from train_tools.workspace.tree import UPLOADS
from train_tools.workspace.workspace import Version

BATCH = re.compile(r"[0-9a-f]{16}")
DEEPEST = 20  # folders in one another
LONGEST_PATH = 2000  # characters


@dataclass(frozen=True)
class Waiting:
    """A batch that isn't taken in; `changed` is when its last bytes arrived, in seconds since 1970."""

    batch: str
    files: int
    bytes: int
    changed: float


def batch_folder(version: Version, batch: str) -> Path:
    """Where its files lie; it may not be there. Raises UsageError for what is no batch."""
    if not BATCH.fullmatch(batch):
        raise UsageError("an upload's number is 16 hexadecimal digits")
    return require_inside(version.folder / UPLOADS / batch, version.folder)


def receiving_folder(version: Version, batch: str) -> Path:
    """The same, made where it lacks."""
    folder = batch_folder(version, batch)
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def keep(version: Version, batch: str, path: str, file: Path) -> None:
    """Moves an uploaded `file` to its place in the batch; `path` is its relative one where it came from.

    Sent once more, it replaces what was sent before. Raises UsageError for a path that can't be kept.
    """
    folder = batch_folder(version, batch)
    place = folder.joinpath(*_parts(path))
    place.parent.mkdir(parents=True, exist_ok=True)
    file.replace(require_inside(place, folder))  # not made sure: what a power cut takes is sent again


def _parts(path: str) -> list[str]:
    parts = [part for part in path[: LONGEST_PATH + 1].split("/") if part]
    if not parts or len(path) > LONGEST_PATH or len(parts) > DEEPEST:
        raise UsageError("the file's path is empty or too long; move the files up, then send them again")
    if any(part.startswith(".") for part in parts):
        raise UsageError(f"{path} is hidden or leads elsewhere; such files are never taken")
    return [portable(part).rstrip(". ") or "_" for part in parts]


def waiting(version: Version) -> list[Waiting]:
    """Batches that hold something, the latest first."""
    uploads = version.folder / UPLOADS
    folders = [path for path in uploads.iterdir() if BATCH.fullmatch(path.name)] if uploads.is_dir() else []
    found = [batch for folder in folders if (batch := _survey(folder)).files]
    return sorted(found, key=lambda batch: batch.changed, reverse=True)


def _survey(folder: Path) -> Waiting:
    files, size, changed = 0, 0, 0.0
    for path in _files(folder):
        try:
            stat = path.stat()
        except FileNotFoundError:  # taken in meanwhile
            continue
        changed = max(changed, stat.st_mtime)
        if not path.name.startswith("."):  # else it is still arriving
            files, size = files + 1, size + stat.st_size
    return Waiting(folder.name, files, size, changed)


def _files(folder: Path) -> Iterator[Path]:
    return (path for path in folder.rglob("*") if path.is_file())


def discard(version: Version, batch: str, trash: Path) -> None:
    """To the trash; raises UsageError where there is no such batch."""
    folder = batch_folder(version, batch)
    if not folder.is_dir():
        raise UsageError("that upload isn't there any more")
    move_to_trash(folder, trash)


def clear(version: Version, batch: str) -> None:
    """Once its files are taken in."""
    shutil.rmtree(batch_folder(version, batch), ignore_errors=True)
