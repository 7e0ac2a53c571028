"""What folders, named as trainers name them, say of the images in them.

kohya's tree: `img/<n>_<concept>/`, `reg/<n>_<class>/`, and beside them `model/` and `log/`, where it writes to. Such
folders are read wherever they lie, and so is one that is given by itself. Caches, control images and samples of other
trainers (ai-toolkit, OneTrainer) are no images of the set. Folders of other names say nothing: their images belong to
the version's own concept, as all do where nobody asks for this.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from train_tools.dataset.origin import portable
from train_tools.dataset.originals import PRELOAD
from train_tools.dataset.sources import Entry, Parts
from train_tools.dataset.training import REPEATS_FOLDER
from train_tools.dataset.unread import MODELS
from train_tools.workspace.names import comparable, why_not

OWN, CONCEPT, REG, LEFT_OUT = "own", "concept", "reg", "left out"
MOST_REPEATS = 1000  # more are a year or a date, not repeats
IMG_FOLDERS = frozenset(
    ["img", "imgs", "image", "images", "train", "train_data", "training", "dataset", "data"]
)
REG_FOLDERS = frozenset(
    ["reg", "regs", "regularization", "regularisation", "reg_images", "reg_data", "regular", "class_images"]
)
SAMPLE_FOLDERS = frozenset(["sample", "samples"])
OUTPUT_FOLDERS = SAMPLE_FOLDERS | {"model", "models", "log", "logs", "output", "outputs"}
CACHE_FOLDERS = frozenset(["_latent_cache", "_t_e_cache", "_clip_vision_cache", "_controls"])


@dataclass(frozen=True)
class Role:
    """What the images of a folder become; `name` is the concept's or class's, `reason` why they are left out."""

    kind: str
    name: str = ""
    repeats: int = 0
    reason: str = ""


def said(concept: str, reg: str) -> Role | None:
    """What a person says that all images are; None where folders may speak."""
    return Role(REG) if reg else Role(OWN) if concept else None


class Layout:
    """Knows the role of each folder of `entries`."""

    def __init__(self, entries: Iterable[Entry]) -> None:
        folders: dict[Parts, None] = {}
        self._with_models: set[Parts] = set()
        for entry in entries:
            folders[_whole(entry)] = None
            if entry.path.suffix.lower() in MODELS:
                self._with_models.add(_whole(entry))
        self._roots: set[Parts] = set()
        self._img_folders: set[Parts] = set()
        self._spelt: dict[str, str] = {}
        for parts in folders:
            self._look_at(parts)

    def _look_at(self, parts: Parts) -> None:
        at = _repeats_at(parts)
        if at is None:
            return
        self._roots |= {parts[:at], parts[: at - 1]} if at else {()}
        if at and parts[at - 1].lower() in IMG_FOLDERS:
            self._img_folders |= {parts[:at], parts[: at - 1]}

    def role(self, entry: Entry) -> Role:
        parts = _whole(entry)
        if reason := self._not_of_the_set(parts):
            return Role(LEFT_OUT, reason=reason)
        at = _repeats_at(parts)
        if at is None:
            return self._plain(parts)
        repeats, name = _numbered(parts[at])
        if repeats == 0:
            return Role(LEFT_OUT, reason="0 repeats, which trainers leave out")
        name = self._spelt.setdefault(comparable(name), name)
        kind = REG if any(part.lower() in REG_FOLDERS for part in parts[:at]) else CONCEPT
        return Role(kind, name, repeats)

    def _not_of_the_set(self, parts: Parts) -> str:
        """Why images there are none of the set; folders that were given themselves are."""
        for at, part in enumerate(parts):
            name, above = part.lower(), parts[:at]
            if at and name in CACHE_FOLDERS:
                return "what ai-toolkit made of the images, for itself"
            if at and name in OUTPUT_FOLDERS and above in self._roots:
                return "what a trainer wrote, as samples and logs"
            if at and name in SAMPLE_FOLDERS and above in self._with_models:
                return "samples that a trainer drew"
        return ""

    def _plain(self, parts: Parts) -> Role:
        if parts and parts in self._img_folders:
            return Role(LEFT_OUT, reason="outside the <n>_<concept> folders, which alone are trained")
        if parts and parts[-1].lower() in REG_FOLDERS and parts[:-1] in self._roots:
            return Role(LEFT_OUT, reason="outside the <n>_<class> folders, which alone are trained")
        return Role(OWN)


def shown_folder(entry: Entry) -> str:
    """As a person gave it; empty for a file that was given by itself."""
    return "/".join(entry.within)


def _whole(entry: Entry) -> Parts:
    """`within`, and of a folder `<n>_<name>` that was given by itself the one above, where that is called reg."""
    parts = entry.within
    is_reg = parts and _numbered(parts[0])[1] and entry.above.lower() in REG_FOLDERS
    return (entry.above, *parts) if is_reg else parts


def _repeats_at(parts: Parts) -> int | None:
    """Where the innermost `<n>_<name>` folder stands."""
    return next((at for at in reversed(range(len(parts))) if _numbered(parts[at])[1]), None)


def _numbered(folder: str) -> tuple[int, str]:
    """Repeats and name; an empty name where the folder's says neither: 01_faces and 2024_rome are names."""
    match = REPEATS_FOLDER.fullmatch(folder.strip())
    if match is None or int(match[1]) > MOST_REPEATS or (len(match[1]) > 1 and match[1][0] == "0"):
        return 0, ""
    name = portable(match[2].strip()).strip().rstrip(". ")
    usable = name and not why_not(name) and name.casefold() != PRELOAD
    return (int(match[1]), name) if usable else (0, "")
