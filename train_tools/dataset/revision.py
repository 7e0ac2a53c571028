"""What a revision remembers: which original each image came from, how it was made, and with which caption."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from train_tools.dataset.known import Skipped
from train_tools.dataset.operations.crop import Box
from train_tools.dataset.originals import UnreadableCaptionError, read_caption
from train_tools.errors import TrainToolsError
from train_tools.workspace.files import plain_path, read_json, write_json
from train_tools.workspace.workspace import Version

FILE = "revision.json"
CAPTIONS = "-captions"  # end of the names of history folders that hold only captions
MOVED = 0.01  # of width or height; a box that moved less shows the same

Place = tuple[str, int, bool]  # original, piece, flipped: the same image in another revision


@dataclass(frozen=True)
class Source:
    """One processed image. `caption` is the original's caption when it was processed; None: it had none.

    `key` stands for all that the pixels depend on, `sha256` is of the file as it was written; both are empty in
    revisions of versions before 0.2, and so is what else they didn't know.
    """

    file: str  # relative to the revision's folder, with /
    original: str  # relative to dataset/origin, with /
    flipped: bool
    caption: str | None
    piece: int = 0
    operation: str = ""
    box: Box | None = None  # fractions of the upright original
    original_sha256: str = ""
    key: str = ""
    sha256: str = ""
    note: str = ""
    by_hand: str = ""  # stands for the crop and mask that a person had made

    @property
    def place(self) -> Place:
        return self.original, self.piece, self.flipped

    def shows_other_than(self, earlier: Source) -> str:
        """Why a caption of `earlier` may be wrong here; empty where the same is seen."""
        known = self.original_sha256 and earlier.original_sha256
        if known and self.original_sha256 != earlier.original_sha256:
            return "the original was replaced since its caption was written"
        pairs = zip(self.box, earlier.box, strict=True) if self.box and earlier.box else ()
        if any(abs(a - b) > MOVED for a, b in pairs):
            return "it shows another part of the original than when its caption was written"
        return ""


@dataclass(frozen=True)
class Revision:
    number: int
    time: str
    settings: dict[str, Any]
    images: tuple[Source, ...]
    skipped: tuple[Skipped, ...] = ()  # originals that gave no image
    restored_from: int | None = None


@dataclass(frozen=True)
class Edited:
    """A caption that a person or captioner wrote into a revision."""

    text: str
    source: Source


def write(folder: Path, revision: Revision) -> None:
    write_json(folder / FILE, asdict(revision))


def read(folder: Path) -> Revision | None:
    """None where the folder isn't there or was made by another program; raises TrainToolsError if damaged."""
    if not (folder / FILE).is_file():
        return None
    data = read_json(folder / FILE)
    try:
        return Revision(
            data["number"],
            data["time"],
            data["settings"],
            tuple(_source(one) for one in data["images"]),
            tuple(Skipped(one["name"], one["reason"]) for one in data.get("skipped", ())),
            data.get("restored_from"),
        )
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise TrainToolsError(
            f"{folder / FILE} isn't a revision's record; mend it or move it away"
        ) from error


def _source(data: Mapping[str, Any]) -> Source:
    """What a later version wrote beside is left out."""
    names = {f.name for f in fields(Source)}
    values = {name: value for name, value in data.items() if name in names}
    box = values.get("box")
    plain_path(values["file"])  # it may have come in anybody's zip
    return Source(**{**values, "box": tuple(box) if box else None})


def folders_of(version: Version) -> list[Path]:
    """Of earlier revisions, the oldest first; folders of captions alone aren't any."""
    found = version.history.iterdir() if version.history.is_dir() else ()
    folders = [f for f in found if f.is_dir() and not f.name.startswith(".")]
    return sorted((f for f in folders if not f.name.endswith(CAPTIONS)), key=lambda folder: folder.name)


def next_number(version: Version) -> int:
    """One more than any revision that is there."""
    found = [revision.number for f in (version.processed, *folders_of(version)) if (revision := read(f))]
    return max(found, default=0) + 1


def edited_captions(folder: Path, revision: Revision | None) -> dict[Place, Edited]:
    """Those that aren't the original's own any more."""
    found = {}
    for source in revision.images if revision else ():
        try:
            caption = read_caption((folder / source.file).with_suffix(".txt"))
        except UnreadableCaptionError:
            continue  # missing, mostly; a damaged one stays in the history with its revision
        if caption and caption != (source.caption or ""):
            found[source.place] = Edited(caption, source)
    return found
