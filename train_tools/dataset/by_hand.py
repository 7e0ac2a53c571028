"""What a person did to single images: a crop, a painted mask. The originals stay as they are; processing applies it.

`dataset/by_hand.json` holds what stands now and the steps to it, so that each can be undone. An image is known by its
content: it may be moved, renamed or taken in again. Masks lie in `dataset/by_hand/` by their own content, and stay.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from PIL import Image

from train_tools.dataset.images import UnreadableImageError, read_mask
from train_tools.dataset.operations.crop import Box
from train_tools.errors import TrainToolsError, UsageError
from train_tools.workspace.files import read_json, write_bytes, write_json
from train_tools.workspace.lock import writing
from train_tools.workspace.workspace import Version

FILE = "by_hand.json"
FOLDER = "by_hand"
WHOLE: Box = (0.0, 0.0, 1.0, 1.0)
LEAST = 0.01  # of the image's width and height
MOST_STEPS = 500
LARGEST_MASK = 8192  # pixels a side
DIGITS = 12  # of the hash that names a mask


@dataclass(frozen=True)
class Touch:
    """`crop` in fractions of the upright original; `mask` is the name of a file of white (learnt) and black."""

    crop: Box = WHOLE
    mask: str = ""

    @property
    def is_nothing(self) -> bool:
        return self == NOTHING

    @property
    def kinds(self) -> list[str]:
        """What was done, for the page."""
        return [
            name for name, is_done in (("crop", self.crop != WHOLE), ("mask", bool(self.mask))) if is_done
        ]

    @property
    def key(self) -> str:
        """Stands for it where it changes pixels; empty: nothing was done."""
        return "" if self.is_nothing else repr((tuple(round(value, 6) for value in self.crop), self.mask))

    def within(self, box: Box) -> Box:
        """A box of what the crop leaves, as one of the whole image."""
        left, top, right, bottom = self.crop
        width, height = right - left, bottom - top
        return left + box[0] * width, top + box[1] * height, left + box[2] * width, top + box[3] * height

    def cut(self, image: Image.Image) -> Image.Image:
        if self.crop == WHOLE:
            return image
        left, top, right, bottom = self.crop
        width, height = image.size
        x, y = min(width - 1, round(left * width)), min(height - 1, round(top * height))
        return image.crop((x, y, max(x + 1, round(right * width)), max(y + 1, round(bottom * height))))


NOTHING = Touch()


@dataclass(frozen=True)
class Step:
    """`name` is what the image was called; `sha256` is of its content."""

    name: str
    sha256: str
    before: Touch
    after: Touch


@dataclass
class ByHand:
    """`now`: content -> what was done to it."""

    folder: Path  # `dataset` of a version
    now: dict[str, Touch] = field(default_factory=dict)
    done: list[Step] = field(default_factory=list)
    undone: list[Step] = field(default_factory=list)

    @classmethod
    def of(cls, version: Version) -> ByHand:
        """Raises TrainToolsError where the file is damaged."""
        folder = version.origin.parent
        if not (folder / FILE).is_file():
            return cls(folder)
        data = read_json(folder / FILE)
        try:
            now = {str(content): _touch(one) for content, one in data["now"].items()}
            return cls(folder, now, [_step(s) for s in data["done"]], [_step(s) for s in data["undone"]])
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise TrainToolsError(
                f"{folder / FILE} isn't a record of crops and masks; move it away to begin a new one"
            ) from error

    def touch(self, content: str) -> Touch:
        return self.now.get(content, NOTHING)

    def mask_file(self, touch: Touch) -> Path | None:
        return self.folder / FOLDER / touch.mask if touch.mask else None

    def put(self, content: str, touch: Touch) -> None:
        self.now.pop(content, None)
        if not touch.is_nothing:
            self.now[content] = touch

    def save(self) -> None:
        document = {"now": {content: asdict(one) for content, one in self.now.items()}}
        steps = {
            "done": [asdict(s) for s in self.done[-MOST_STEPS:]],
            "undone": [asdict(s) for s in self.undone],
        }
        write_json(self.folder / FILE, {**document, **steps})


def crop_by_hand(version: Version, name: str, data: bytes, box: Box) -> Touch:
    """`data` are the original's bytes. Raises UsageError for a box that isn't in the image or holds next to nothing."""
    left, top, right, bottom = box
    if min(left, top) < 0 or max(right, bottom) > 1 or min(right - left, bottom - top) < LEAST:
        raise UsageError("the crop must lie in the image and hold some of it")
    return _change(version, name, data, lambda touch: replace(touch, crop=box))


def mask_by_hand(
    version: Version, name: str, data: bytes, mask: bytes | None, *, over_given: bool = False
) -> Touch:
    """`mask` is a picture of white (learnt) and black; None takes a painted one away.

    One that is all white is none, unless it stands `over_given`, a mask that came with the image. Raises UsageError
    where it is no picture.
    """
    kept = _keep_mask(version, mask, over_given) if mask is not None else ""
    return _change(version, name, data, lambda touch: replace(touch, mask=kept))


def undo(version: Version) -> Step:
    """Raises UsageError where nothing was done."""
    return _step_back(version, back=True)


def redo(version: Version) -> Step:
    return _step_back(version, back=False)


def _change(version: Version, name: str, data: bytes, change: Callable[[Touch], Touch]) -> Touch:
    content = hashlib.sha256(data).hexdigest()
    with writing(version, "changing an image by hand"):
        known = ByHand.of(version)
        before = known.touch(content)
        after = change(before)
        if after != before:
            known.done.append(Step(name, content, before, after))
            known.undone.clear()
            known.put(content, after)
            known.save()
    return after


def _step_back(version: Version, *, back: bool) -> Step:
    with writing(version, "undoing a change of an image"):
        known = ByHand.of(version)
        source, target = (known.done, known.undone) if back else (known.undone, known.done)
        if not source:
            raise UsageError(
                "no crop or mask is left to undo" if back else "no crop or mask is left to make again"
            )
        step = source.pop()
        target.append(step)
        known.put(step.sha256, step.before if back else step.after)
        known.save()
    return step


def _keep_mask(version: Version, data: bytes, over_given: bool) -> str:
    """The name of its file; empty where it changes nothing."""
    try:
        with Image.open(io.BytesIO(data)) as head:
            if max(head.size) > LARGEST_MASK:
                raise UsageError(f"the mask has more than {LARGEST_MASK} pixels a side")
        mask = read_mask(data)
    except (UnreadableImageError, OSError) as error:
        raise UsageError("the mask is no picture that can be read; paint it again") from error
    if mask.getextrema() == (255, 255) and not over_given:
        return ""
    if mask.getextrema() == (0, 0):
        raise UsageError("nothing of the image would be learnt; leave some of it, or delete the image")
    buffer = io.BytesIO()
    mask.save(buffer, "PNG")
    name = f"{hashlib.sha256(buffer.getvalue()).hexdigest()[:DIGITS]}.png"
    path = version.origin.parent / FOLDER / name
    if not path.is_file():
        write_bytes(path, buffer.getvalue())
    return name


def touches(version: Version) -> Mapping[str, Touch]:
    """For processing: content -> what was done to it."""
    return dict(ByHand.of(version).now)


def _touch(data: Mapping[str, Any]) -> Touch:
    left, top, right, bottom = (float(value) for value in data["crop"])
    mask = str(data["mask"])
    if mask and Path(mask).name != mask:
        raise ValueError(mask)
    return Touch((left, top, right, bottom), mask)


def _step(data: Mapping[str, Any]) -> Step:
    return Step(str(data["name"]), str(data["sha256"]), _touch(data["before"]), _touch(data["after"]))
