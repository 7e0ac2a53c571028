"""All files below a folder: listed, and copied to where nobody sees them before they are complete."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from train_tools.errors import UsageError
from train_tools.workspace.files import TEMPORARY, replace, sync_folder
from train_tools.workspace.lock import HOLDER, LOCK
from train_tools.workspace.swap import READY, begin

CHUNK = 1 << 20
THUMBNAILS = ".thumbnails"  # small pictures of a version, made anew where they lack
UPLOADS = ".uploads"  # what has arrived of uploads and isn't taken in yet
MOUNT_POINT = 0xA0000003  # IO_REPARSE_TAG_MOUNT_POINT
CACHE = ".cache"  # a folder of what is made again from the rest when it is missing
Report = Callable[[int, int, str], None]  # bytes done, bytes in all, the file that is next


def silent(done: int, of: int, name: str) -> None:
    """For callers that don't watch."""


@dataclass(frozen=True)
class Tree:
    """Paths relative to `root`, with `/`; parents before children. `left_out` are links and the like."""

    root: Path
    folders: tuple[str, ...]
    files: tuple[tuple[str, int], ...]  # path, bytes
    left_out: tuple[str, ...]

    @property
    def bytes(self) -> int:
        return sum(size for _, size in self.files)


def survey(root: Path, unwanted: Callable[[str], bool]) -> Tree:
    """Everything below `root` but what is unfinished or made anew, and what is `unwanted` by its relative path.

    Links aren't followed: what they lead to isn't this folder's.
    """
    folders: list[str] = []
    files: list[tuple[str, int]] = []
    left_out: list[str] = []
    waiting = [""]
    while waiting:
        parent = waiting.pop(0)
        with os.scandir(root / parent) as entries:
            found = sorted(entries, key=lambda entry: entry.name)
        for entry in found:
            path = f"{parent}/{entry.name}".lstrip("/")
            if is_unfinished(entry.name) or unwanted(path):
                continue
            if entry.is_dir(follow_symlinks=False) and not is_junction(entry):
                folders.append(path)
                waiting.append(path)
            elif entry.is_file(follow_symlinks=False):
                files.append((path, entry.stat().st_size))
            else:
                left_out.append(path)
    return Tree(root, tuple(folders), tuple(files), tuple(left_out))


def is_unfinished(name: str) -> bool:
    return name.startswith((TEMPORARY, READY)) or name in (LOCK, HOLDER, THUMBNAILS, CACHE, UPLOADS)


def is_junction(entry: os.DirEntry[str]) -> bool:
    """Windows' other kind of link to a folder."""
    # Other tags are no links: OneDrive marks the files that it hasn't fetched.
    return getattr(entry.stat(follow_symlinks=False), "st_reparse_tag", 0) == MOUNT_POINT


def check_room(folder: Path, needed: int, what: str) -> None:
    """Raises UsageError where the disk of `folder` hasn't `needed` bytes."""
    free = shutil.disk_usage(folder).free
    if needed > free:
        raise UsageError(
            f"{what} needs {needed / 1e6:,.1f} MB, and {folder} has {free / 1e6:,.1f} MB free; make room"
        )


def copy_tree(tree: Tree, target: Path, report: Report) -> None:
    """Copies the files with their times into `target`, which is there; all of it has reached the disk then."""
    done = 0
    for path in tree.folders:
        (target / path).mkdir(exist_ok=True)
    for path, size in tree.files:
        report(done, tree.bytes, path)
        copy_file(tree.root / path, target / path)
        done += size
    for path in tree.folders:
        sync_folder(target / path)


def copy_file(source: Path, target: Path) -> None:
    with source.open("rb") as reader, target.open("xb") as writer:
        shutil.copyfileobj(reader, writer, CHUNK)
        writer.flush()
        os.fsync(writer.fileno())
    shutil.copystat(source, target)


@contextlib.contextmanager
def built(target: Path) -> Iterator[Path]:
    """A hidden folder to build in, which becomes `target` at the end; after an error nothing is left of it.

    Raises UsageError where something is called `target` by then.
    """
    building = begin(target)
    try:
        yield building
        if os.path.lexists(target):
            raise UsageError(f"{target} was made by somebody else meanwhile; choose another name")
        replace(building, target)
    finally:
        if building.exists():
            shutil.rmtree(building, ignore_errors=True)
