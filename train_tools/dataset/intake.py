"""Adds pictures to a version: each is decoded to the end first, then copied byte for byte."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from train_tools.dataset.images import UnreadableImageError, decode, frames
from train_tools.dataset.originals import (
    UnreadableCaptionError,
    caption_files,
    is_caption,
    is_image,
    read_caption,
)
from train_tools.dataset.progress import Progress, Report, silent
from train_tools.errors import TrainToolsError, UsageError
from train_tools.workspace.files import write_bytes
from train_tools.workspace.names import comparable
from train_tools.workspace.workspace import Version

ADDED, THERE, IGNORED, FAILED = "added", "already there", "ignored", "failed"
LONGEST_STEM = 200  # bytes; leaves room for a number and the suffix in the 255 of a file system


@dataclass(frozen=True)
class Item:
    """What became of one file. `name` is its name in dataset/origin; `reason` says why, or what to know."""

    source: str
    outcome: str
    name: str = ""
    reason: str = ""


@dataclass(frozen=True)
class IntakeReport:
    items: tuple[Item, ...]

    def of(self, outcome: str) -> list[Item]:
        return [item for item in self.items if item.outcome == outcome]


@dataclass
class Origin:
    """The names in dataset/origin, so that no disk (of either letter-case habit) sees two as one."""

    folder: Path
    files: dict[str, Path] = field(default_factory=dict)  # comparable name -> file
    captions: dict[str, Path] = field(default_factory=dict)  # comparable stem -> caption file
    stems: set[str] = field(default_factory=set)  # comparable stems of the images

    def __post_init__(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        for path in self.folder.iterdir():
            self.files[comparable(path.name)] = path
            if is_image(path):
                self.stems.add(comparable(path.stem))
        self.captions = {comparable(stem): path for stem, path in caption_files(self.folder).items()}

    def caption_of(self, stem: str) -> bytes | None:
        path = self.captions.get(comparable(stem))
        return path.read_bytes() if path else None

    def write(self, name: str, data: bytes) -> None:
        path = self.folder / name
        write_bytes(path, data)
        self.files[comparable(name)] = path
        if is_image(path):
            self.stems.add(comparable(path.stem))
        else:
            self.captions.setdefault(comparable(path.stem), path)


def add(version: Version, sources: Sequence[Path], report: Report = silent) -> IntakeReport:
    """Adds files and folders (searched through, hidden ones left out). Nothing already there is changed.

    Raises UsageError where a source is missing (nothing is added then), TrainToolsError where dataset/origin
    can't be written; what was added before stays.
    """
    for source in sources:
        if not source.exists():
            raise UsageError(f"there is no file or folder {shown(source)}; check the path")
    paths = list(dict.fromkeys(path for source in sources for path in files_of(source)))
    images = [path for path in paths if is_image(path)]
    items = [Item(shown(path), IGNORED, reason=why_ignored(path)) for path in paths if not is_image(path)]
    items = [item for item in items if item.reason]
    origin = Origin(version.origin)
    captions: dict[Path, dict[str, Path]] = {}
    for number, path in enumerate(images, start=1):
        if path.parent not in captions:
            captions[path.parent] = caption_files(path.parent)
        item = add_one(origin, path, captions[path.parent].get(path.stem))
        items.append(item)
        report(Progress(number, len(images), shown(path), f"{item.outcome}: {item.reason}".rstrip(": ")))
    return IntakeReport(tuple(items))


def files_of(source: Path) -> Iterator[Path]:
    """The file itself, or the folder's files in the order of their names."""
    if not source.is_dir():
        yield source
        return
    for folder, folders, names in os.walk(source):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        yield from (Path(folder) / name for name in sorted(names) if not name.startswith("."))


def why_ignored(path: Path) -> str:
    """Empty for a caption that comes along with its image."""
    if is_caption(path):
        beside = any(is_image(other) and other.stem == path.stem for other in path.parent.iterdir())
        return "" if beside else "a caption without an image of the same name"
    return f"not an image ({path.suffix or 'no suffix'})"


def add_one(origin: Origin, path: Path, caption_file: Path | None) -> Item:
    source = shown(path)
    try:
        path.name.encode("utf-8")
        data = path.read_bytes()
        note = "animated: its first frame is used" if frames(decode(data)) > 1 else ""
    except UnicodeEncodeError:
        return Item(source, FAILED, reason="its name isn't valid text; rename it")
    except UnreadableImageError as error:
        return Item(source, FAILED, reason=str(error))
    except OSError as error:
        return Item(source, FAILED, reason=f"it can't be read ({error.strerror})")
    caption, complaint = caption_bytes(caption_file)
    note = "; ".join(text for text in (note, complaint) if text)
    try:
        return store(origin, path, data, caption_file if caption is not None else None, caption, note)
    except OSError as error:
        raise TrainToolsError(
            f"{source} can't be written into {origin.folder} ({error.strerror}); "
            "make room there, then add again: what was added before is kept"
        ) from error


def caption_bytes(path: Path | None) -> tuple[bytes | None, str]:
    """The file's bytes, and a complaint where they are no caption."""
    if path is None:
        return None, ""
    try:
        read_caption(path)
        return path.read_bytes(), ""
    except UnreadableCaptionError as error:
        return None, f"its caption is left out: {error}"


def store(
    origin: Origin, path: Path, data: bytes, caption_file: Path | None, caption: bytes | None, note: str
) -> Item:
    """Copies image and caption under the first name that no other image or caption holds."""
    source, number = shown(path), 1
    while True:
        stem = path.stem if number == 1 else f"{cut(path.stem, LONGEST_STEM)} ({number})"
        name = stem + path.suffix
        existing = origin.files.get(comparable(name))
        if existing and existing.read_bytes() == data:
            late = keep_late_caption(origin, existing, caption_file, caption)
            return Item(
                source, THERE, existing.name, "; ".join(filter(None, ("the same image is there", late, note)))
            )
        stem_taken = comparable(stem) in origin.stems or comparable(stem) in origin.captions
        if not existing and (not stem_taken or origin.caption_of(stem) == caption):
            if caption_file and caption is not None and not stem_taken:
                origin.write(stem + caption_file.suffix.lower(), caption)
            origin.write(name, data)
            renamed = "" if number == 1 else f"as {name!r}: another image or caption has its name"
            return Item(source, ADDED, name, "; ".join(filter(None, (renamed, note))))
        number += 1


def keep_late_caption(
    origin: Origin, existing: Path, caption_file: Path | None, caption: bytes | None
) -> str:
    """A caption that comes after its image is added; one that differs from the kept one isn't."""
    if caption_file is None or caption is None:
        return ""
    kept = origin.caption_of(existing.stem)
    if kept is None:
        origin.write(existing.stem + caption_file.suffix.lower(), caption)
        return "its caption was added"
    return "" if kept == caption else "its other caption was not taken over"


def cut(text: str, size: int) -> str:
    """At most `size` bytes of UTF-8, whole characters."""
    return text.encode("utf-8")[:size].decode("utf-8", "ignore")


def shown(path: Path) -> str:
    """For people and JSON, which can't hold the stray bytes that a Linux file name may have."""
    return str(path).encode("utf-8", "backslashreplace").decode("utf-8")
