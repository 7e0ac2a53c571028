"""The caption files of a version's training images, exactly as they are on disk."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from pathlib import Path

from train_tools.dataset.originals import UnreadableCaptionError
from train_tools.dataset.training import TrainingImage, training_images
from train_tools.errors import UsageError
from train_tools.tags.caption import BOM, Caption, parse
from train_tools.workspace.files import write_text
from train_tools.workspace.workspace import Version


@dataclass(frozen=True)
class CaptionFile:
    """`name` is relative to dataset/processed, with `/`. `text` is None where there is no file.

    `problem` says why the file can't be read; its caption is left alone then.
    """

    image: TrainingImage
    name: str
    text: str | None
    problem: str = ""

    @functools.cached_property
    def caption(self) -> Caption:
        return parse(self.text or "")

    @property
    def is_empty(self) -> bool:
        """There is a file with nothing in it."""
        return self.text is not None and not self.problem and not self.text.removeprefix(BOM).strip()

    @property
    def is_missing(self) -> bool:
        return self.text is None and not self.problem


def read_captions(version: Version) -> list[CaptionFile]:
    """One for each training image, by name; raises UsageError where nothing is processed."""
    images = training_images(version.processed)
    if not images:
        raise UsageError(
            f"{version.project} {version.name} has no processed images; "
            f"run `dataset process {version.project} {version.name}` first"
        )
    return [read_one(version, image) for image in images]


def read_one(version: Version, image: TrainingImage) -> CaptionFile:
    name = image.caption_file.relative_to(version.processed).as_posix()
    try:
        return CaptionFile(image, name, read_text(image.caption_file))
    except UnreadableCaptionError as error:
        return CaptionFile(image, name, None, str(error))


def read_text(path: Path) -> str | None:
    """The file's text with its byte order mark and line ends; None where there is no file.

    Raises UnreadableCaptionError where it isn't UTF-8 or can't be read.
    """
    try:
        return path.read_bytes().decode("utf-8")
    except FileNotFoundError:
        return None
    except UnicodeDecodeError as error:
        raise UnreadableCaptionError(f"{path.name} isn't UTF-8 text; save it as UTF-8") from error
    except OSError as error:
        raise UnreadableCaptionError(f"{path.name} can't be read ({error.strerror})") from error


def put_text(path: Path, text: str | None) -> None:
    """Writes the whole file at once; None takes it away. Raises OSError where the disk refuses."""
    if text is None:
        path.unlink(missing_ok=True)
    else:
        write_text(path, text)
