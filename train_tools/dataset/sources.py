"""What a person gave to take in, as a flat list: files, folders searched through, and what archives hold."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

from train_tools.dataset.archives import UnreadableArchiveError, is_archive, open_archive, stem_of
from train_tools.dataset.formats import HEAD_BYTES, usable_name
from train_tools.dataset.metadata import is_metadata
from train_tools.dataset.originals import is_caption, is_image, masked_stem
from train_tools.dataset.unread import is_junk, is_junk_folder, is_something_else
from train_tools.errors import UsageError

Parts = tuple[str, ...]  # names of folders in one another, from the one that was given


@dataclass(frozen=True)
class Entry:
    """One file. `folder` tells which files lie together (an archive's name is a part of it).

    `within` are the folders in which it lies, from the one that was given; `above` is the one that holds that.
    `problem` says why it can't be read at all, which `is_fault` where a person wanted it to be. A `companion` wasn't
    given, but lies beside a file that was.
    """

    shown: str
    folder: str
    name: str
    read: Callable[[], bytes]
    problem: str = ""
    companion: bool = False
    within: Parts = ()
    is_fault: bool = True
    above: str = ""

    @property
    def path(self) -> PurePosixPath:
        return PurePosixPath(self.name)


def check_sources(sources: Sequence[Path]) -> None:
    """Raises UsageError where one is missing."""
    for source in sources:
        if not source.exists():
            raise UsageError(f"there is no file or folder {shown(source)}; check the path")


def entries_of(sources: Sequence[Path], stack: ExitStack) -> list[Entry]:
    """In the order given, folders by name; each file once. Archives stay open until `stack` is closed."""
    found: dict[tuple[str, str], Entry] = {}
    for source in sources:
        above = source.absolute().parent.name
        for entry in (replace(one, above=above) for one in _entries(source, stack)):
            key = entry.folder, entry.name
            if key not in found or found[key].companion:
                found[key] = entry
    return list(found.values())


def _entries(source: Path, stack: ExitStack) -> Iterator[Entry]:
    if source.is_dir():
        yield from _in_folders(source, stack)
        return
    yield from _file_or_archive(source, (), stack)
    yield from (_entry(path, (), companion=True) for path in _companions(source))


def _in_folders(source: Path, stack: ExitStack) -> Iterator[Entry]:
    """Of all below it, each folder once; those that links lead to come last, so that nothing is searched for ever."""
    seen, links = {os.path.realpath(source)}, deque[tuple[Path, Parts]]()
    waiting: list[tuple[Path, Parts]] = [(source, (source.absolute().name,))]
    while waiting or links:
        if waiting:
            folder, within = waiting.pop()
        else:
            folder, within = links.popleft()
            real = os.path.realpath(folder)
            if real in seen:
                yield _refused(folder, within[:-1], "a link to a folder that is searched anyhow", False)
                continue
            seen.add(real)
        inside: list[tuple[Path, Parts]] = []
        try:
            found = sorted(folder.iterdir())
        except OSError as error:
            yield _refused(folder, within[:-1], f"it can't be searched ({error.strerror or error})")
            continue
        for path in found:
            if path.is_dir():
                inside += [] if is_junk_folder(path.name) else [(path, (*within, path.name))]
            elif path.is_symlink() and not path.exists():
                yield _refused(path, within, "a link that leads nowhere")
            elif not is_junk(path.name):
                yield from _file_or_archive(path, within, stack)
        for path, below in reversed(inside):
            if _is_link(path):
                links.appendleft((path, below))
            else:
                seen.add(os.path.realpath(path))
                waiting.append((path, below))


def _is_link(folder: Path) -> bool:
    """A junction of Windows is one, too."""
    return (
        os.path.realpath(folder.parent) != str(Path(os.path.realpath(folder)).parent) or folder.is_symlink()
    )


def _refused(path: Path, within: Parts, reason: str, is_fault: bool = True) -> Entry:
    return Entry(
        shown(path),
        path.parent.as_posix(),
        path.name,
        path.read_bytes,
        reason,
        within=within,
        is_fault=is_fault,
    )


def _companions(source: Path) -> list[Path]:
    """What may hold the caption of a single file, and its mask."""
    if not is_image(source):
        return []
    beside = sorted(path for path in source.parent.iterdir() if path.is_file() and path != source)
    return [
        path
        for path in beside
        if is_metadata(path)
        or (is_caption(path) and path.stem in (source.stem, source.name))
        or masked_stem(path) == source.stem
    ]


def _file_or_archive(path: Path, within: Parts, stack: ExitStack) -> Iterator[Entry]:
    if not is_archive(path):
        yield _named(_entry(path, within), lambda: _head(path))
        return
    try:
        members = open_archive(path, stack)
    except UnreadableArchiveError as error:
        yield _refused(path, within, str(error))
        return
    for member in members:
        place = PurePosixPath(path.as_posix()) / member.folder
        inner = (
            *within,
            stem_of(path),
            *(part for part in member.folder.split("/") if part not in ("", ".")),
        )
        entry = Entry(
            f"{shown(path)}/{member.shown}",
            place.as_posix(),
            member.name,
            member.read,
            member.problem,
            False,
            inner,
        )
        yield entry if member.problem else _named(entry, member.head)


def _named(entry: Entry, head: Callable[[], bytes]) -> Entry:
    """A picture without a suffix, or with one that says nothing, gets the one of its content."""
    path = entry.path
    if is_image(path) or is_caption(path) or is_metadata(path) or is_something_else(path):
        return entry
    return replace(entry, name=usable_name(entry.name, head()))


def _head(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(HEAD_BYTES)
    except OSError:  # `read` says why
        return b""


def _entry(path: Path, within: Parts, companion: bool = False) -> Entry:
    return Entry(shown(path), path.parent.as_posix(), path.name, path.read_bytes, "", companion, within)


def shown(path: Path) -> str:
    """For people and JSON, which can't hold the stray bytes that a Linux file name may have."""
    return str(path).encode("utf-8", "backslashreplace").decode("utf-8")
