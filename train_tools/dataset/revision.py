"""What a revision remembers: which original each image came from, and with which caption."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from train_tools.dataset.known import Skipped
from train_tools.dataset.originals import UnreadableCaptionError, read_caption
from train_tools.workspace.files import read_json, write_json

FILE = "revision.json"


@dataclass(frozen=True)
class Source:
    """One processed image. `caption` is the original's caption when it was processed; None: it had none."""

    file: str  # relative to the revision's folder, with /
    original: str
    flipped: bool
    caption: str | None


@dataclass(frozen=True)
class Revision:
    number: int
    time: str
    settings: dict[str, Any]
    images: tuple[Source, ...]
    skipped: tuple[Skipped, ...] = ()  # originals that gave no image


def write(folder: Path, revision: Revision) -> None:
    write_json(folder / FILE, asdict(revision))


def read(folder: Path) -> Revision | None:
    """None where the folder isn't there or was made by another program."""
    if not (folder / FILE).is_file():
        return None
    data = read_json(folder / FILE)
    return Revision(
        data["number"],
        data["time"],
        data["settings"],
        tuple(Source(**i) for i in data["images"]),
        tuple(Skipped(**one) for one in data.get("skipped", ())),
    )


def edited_captions(folder: Path, revision: Revision | None) -> dict[tuple[str, bool], str]:
    """(original, flipped) -> caption, of those that a person or captioner wrote into this revision."""
    found = {}
    for source in revision.images if revision else ():
        try:
            caption = read_caption((folder / source.file).with_suffix(".txt"))
        except (
            UnreadableCaptionError
        ):  # missing, mostly; a damaged one stays in the history with its revision
            continue
        if caption and caption != (source.caption or ""):
            found[source.original, source.flipped] = caption
    return found
