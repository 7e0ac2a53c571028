"""What lies in `dataset/origin`: images and, beside them, captions of the same stem and masks `<stem>-masklabel`.

Images directly in it belong to the version's own concept, those in `origin/<name>/` to the concept of that name.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath

from train_tools.dataset.formats import SUFFIXES
from train_tools.errors import TrainToolsError
from train_tools.workspace.workspace import folders_in

CAPTION_SUFFIXES = (".txt", ".caption", ".cap")  # in the order in which they are looked for
UTF_16 = (b"\xff\xfe", b"\xfe\xff")  # how a file begins that old editors save as Unicode
MASK_END = "-masklabel"  # OneTrainer's name for a mask: white is learnt, black isn't
PRELOAD = "preload"  # where sd-webui-train-tools keeps flattened copies of the originals beside it


class UnreadableCaptionError(TrainToolsError):
    """A caption file that can't be read; the text is the reason, with the file's name."""


@dataclass(frozen=True)
class Original:
    """An uploaded image. `concept` is empty for the version's own one."""

    path: Path
    concept: str = ""

    @property
    def name(self) -> str:
        """Relative to `dataset/origin`, with /."""
        return f"{self.concept}/{self.path.name}" if self.concept else self.path.name


def originals_in(origin: Path) -> list[Original]:
    """All of a version, the own concept first, by name; hidden files aren't counted."""
    found = [Original(path) for path in images_in(origin)]
    for folder in folders_in(origin):
        if folder.name != PRELOAD:
            found += [Original(path, folder.name) for path in images_in(folder)]
    return found


def is_image(path: PurePath) -> bool:
    return path.suffix.lower() in SUFFIXES


def is_caption(path: PurePath) -> bool:
    return path.suffix.lower() in CAPTION_SUFFIXES


def images_in(folder: Path) -> list[Path]:
    """Image files directly in `folder` by name; hidden ones and masks of others aren't counted."""
    paths = picture_files(folder)
    masks = set(masks_among(paths).values())
    return [path for path in paths if path not in masks]


def picture_files(folder: Path) -> list[Path]:
    """`images_in`, and masks."""
    if not folder.is_dir():
        return []
    with os.scandir(folder) as entries:
        found = (entry for entry in entries if is_image(PurePath(entry.name)) and entry.name[0] != ".")
        names = [entry.name for entry in found if is_file(entry)]
    return [folder / name for name in sorted(names)]


def masks_among(paths: Sequence[Path]) -> dict[str, Path]:
    """Stem of an image -> its mask, for pictures of one folder."""
    masks = {stem: path for path in paths if (stem := masked_stem(path))}
    if not masks:
        return {}
    stems = {path.stem for path in paths}
    return {stem: path for stem, path in masks.items() if stem in stems}


def masked_stem(path: PurePath) -> str:
    """The stem of the image that this is a mask of, by its name; empty where it is none."""
    stem = path.stem
    return stem[: -len(MASK_END)] if stem.lower().endswith(MASK_END) and is_image(path) else ""


def is_file(entry: os.DirEntry[str]) -> bool:
    """A link that leads to one is one, too."""
    return Path(entry).is_file() if entry.is_symlink() else entry.is_file()


def caption_files(folder: Path) -> dict[str, Path]:
    """Stem -> caption file, for all in `folder`; `.txt` goes before `.caption`."""
    found: dict[str, Path] = {}
    files = [path for path in folder.iterdir() if is_caption(path)] if folder.is_dir() else []
    for path in sorted(files, key=lambda path: (CAPTION_SUFFIXES.index(path.suffix.lower()), path.name)):
        found.setdefault(path.stem, path)
    return found


def read_caption(path: Path) -> str:
    """The text without surrounding blanks; raises UnreadableCaptionError where it isn't UTF-8."""
    try:
        return caption_text(path.read_bytes(), path.name)
    except OSError as error:
        raise UnreadableCaptionError(f"{path.name} can't be read ({error.strerror})") from error


def caption_text(data: bytes, name: str) -> str:
    """The text without surrounding blanks; raises UnreadableCaptionError where it isn't UTF-8."""
    try:
        return data.decode("utf-16" if data[:2] in UTF_16 else "utf-8-sig").strip()
    except UnicodeDecodeError as error:
        raise UnreadableCaptionError(f"{name} isn't UTF-8 text; save it as UTF-8") from error
