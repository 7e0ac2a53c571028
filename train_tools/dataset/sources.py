"""What a person gave to take in, as a flat list: files, folders searched through, and what zips hold."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from train_tools.dataset.archives import ARCHIVE_SUFFIXES, UnreadableArchiveError, open_archive
from train_tools.dataset.metadata import is_metadata
from train_tools.dataset.originals import is_caption, is_image
from train_tools.errors import UsageError


@dataclass(frozen=True)
class Entry:
    """One file. `folder` tells which files lie together (a zip's name is a part of it).

    `problem` says why it can't be read at all. A `companion` wasn't given, but lies beside a file that was.
    """

    shown: str
    folder: str
    name: str
    read: Callable[[], bytes]
    problem: str = ""
    companion: bool = False

    @property
    def path(self) -> PurePosixPath:
        return PurePosixPath(self.name)


def check_sources(sources: Sequence[Path]) -> None:
    """Raises UsageError where one is missing."""
    for source in sources:
        if not source.exists():
            raise UsageError(f"there is no file or folder {shown(source)}; check the path")


def entries_of(sources: Sequence[Path], stack: ExitStack) -> list[Entry]:
    """In the order given, folders by name; each file once. Zips stay open until `stack` is closed."""
    found: dict[tuple[str, str], Entry] = {}
    for source in sources:
        for entry in _entries(source, stack):
            key = entry.folder, entry.name
            if key not in found or found[key].companion:
                found[key] = entry
    return list(found.values())


def _entries(source: Path, stack: ExitStack) -> Iterator[Entry]:
    if not source.is_dir():
        yield from _file_or_archive(source, stack)
        yield from (_entry(path, companion=True) for path in _companions(source))
        return
    for folder, folders, names in os.walk(source):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(names):
            if not name.startswith("."):
                yield from _file_or_archive(Path(folder) / name, stack)


def _companions(source: Path) -> list[Path]:
    """What may hold the caption of a single file."""
    if not is_image(source):
        return []
    beside = sorted(path for path in source.parent.iterdir() if path.is_file() and path != source)
    return [path for path in beside if is_metadata(path) or (is_caption(path) and path.stem == source.stem)]


def _file_or_archive(path: Path, stack: ExitStack) -> Iterator[Entry]:
    if path.suffix.lower() not in ARCHIVE_SUFFIXES:
        yield _entry(path)
        return
    try:
        members = open_archive(path, stack)
    except UnreadableArchiveError as error:
        yield Entry(shown(path), path.parent.as_posix(), path.name, path.read_bytes, str(error))
        return
    for member in members:
        place = PurePosixPath(path.as_posix()) / member.folder
        yield Entry(
            f"{shown(path)}/{member.shown}", place.as_posix(), member.name, member.read, member.problem
        )


def _entry(path: Path, companion: bool = False) -> Entry:
    return Entry(shown(path), path.parent.as_posix(), path.name, path.read_bytes, "", companion)


def shown(path: Path) -> str:
    """For people and JSON, which can't hold the stray bytes that a Linux file name may have."""
    return str(path).encode("utf-8", "backslashreplace").decode("utf-8")
