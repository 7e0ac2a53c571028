"""What lies in `dataset/origin`: images and, beside them, captions of the same stem."""

from __future__ import annotations

from pathlib import Path

from train_tools.dataset.formats import SUFFIXES
from train_tools.errors import TrainToolsError

CAPTION_SUFFIXES = (".txt", ".caption")  # in the order in which they are looked for


class UnreadableCaptionError(TrainToolsError):
    """A caption file that can't be read; the text is the reason, with the file's name."""


def is_image(path: Path) -> bool:
    return path.suffix.lower() in SUFFIXES


def is_caption(path: Path) -> bool:
    return path.suffix.lower() in CAPTION_SUFFIXES


def images_in(folder: Path) -> list[Path]:
    """Image files directly in `folder` by name; hidden ones aren't counted."""
    if not folder.is_dir():
        return []
    paths = (path for path in folder.iterdir() if is_image(path) and not path.name.startswith("."))
    return sorted((path for path in paths if path.is_file()), key=lambda path: path.name)


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
        return path.read_bytes().decode("utf-8-sig").strip()
    except UnicodeDecodeError as error:
        raise UnreadableCaptionError(f"{path.name} isn't UTF-8 text; save it as UTF-8") from error
    except OSError as error:
        raise UnreadableCaptionError(f"{path.name} can't be read ({error.strerror})") from error
