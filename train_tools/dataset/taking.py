"""Takes pictures in one by one: each is decoded to the end first, then copied byte for byte, with caption and mask."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import PurePath

from PIL import Image

from train_tools.dataset.archives import UnreadableMemberError
from train_tools.dataset.candidates import Candidate, caption_of
from train_tools.dataset.formats import usable_name
from train_tools.dataset.images import UnreadableImageError, decode, frames, pixel_count, upright
from train_tools.dataset.known import Known
from train_tools.dataset.looks import Look, look_at
from train_tools.dataset.origin import Caption, Mask, Origin
from train_tools.dataset.originals import Original
from train_tools.dataset.parallel import DECODING, ordered
from train_tools.dataset.progress import Progress, Report
from train_tools.errors import TrainToolsError
from train_tools.workspace.os_errors import sentence_of

ADDED, THERE, IGNORED, FAILED = "added", "already there", "ignored", "failed"
SAME_SHAPE = 0.02  # of width to height; a mask that differs more belongs to another picture


@dataclass(frozen=True)
class Item:
    """What became of one file. `name` is its name in dataset/origin; `reason` says why, or what to know."""

    source: str
    outcome: str
    name: str = ""
    reason: str = ""


Prepare = Callable[[str, bytes, Image.Image], tuple[str, bytes]]


def as_given(name: str, data: bytes, _: Image.Image) -> tuple[str, bytes]:
    return name, data


@dataclass(frozen=True)
class Store:
    """Where images go, under whose name they are reported and what they are made into first."""

    origin: Origin
    known: Known | None
    concept: str
    prepare: Prepare = as_given


@dataclass(frozen=True)
class Seen:
    """A candidate after a look at all of it; `problem` says why it can't be taken."""

    name: str = ""
    data: bytes = b""
    look: Look | None = None
    caption: Caption | None = None
    mask: Mask | None = None
    note: str = ""
    problem: str = ""


def take_in(candidates: Sequence[tuple[Candidate, Store]], items: list[Item], report: Report) -> None:
    """Looks at many images at a time and stores them one by one, in their order."""
    total = len(candidates)
    with ordered(see, candidates) as results:
        for number, ((candidate, into), seen) in enumerate(results, start=1):
            item = store(into, candidate.image.shown, seen)
            items.append(item)
            text = f"{item.outcome}: {item.reason}".rstrip(": ")
            report(Progress(number, total, candidate.image.shown, text))


def see(pair: tuple[Candidate, Store]) -> Seen:
    candidate, into = pair
    try:
        candidate.image.name.encode("utf-8")
        data = candidate.image.read()
        with DECODING.holding(pixel_count(data)):
            image = decode(data)
            look = look_at(data, image)
            name, kept = into.prepare(usable_name(candidate.image.name, data), data, image)
    except UnicodeEncodeError:
        return Seen(problem="its name isn't valid text; rename it")
    except (UnreadableImageError, UnreadableMemberError) as error:
        return Seen(problem=str(error))
    except OSError as error:
        return Seen(problem=f"it can't be read ({error.strerror or error})")
    caption, complaint = caption_of(candidate)
    is_reg = into.known is None
    mask, mask_complaint = (None, "") if is_reg else mask_of(candidate, image)
    several = (
        "several pages: the first one is used"
        if image.format == "TIFF"
        else "animated: its first frame is used"
    )
    animated = several if frames(image) > 1 else ""
    converted = "made a PNG" if kept is not data else ""
    return Seen(name, kept, look, caption, mask, joined(animated, converted, complaint, mask_complaint))


def mask_of(candidate: Candidate, image: Image.Image) -> tuple[Mask | None, str]:
    """The mask to keep, and a complaint where there is one that can't be used."""
    if candidate.mask is None:
        return None, ""
    try:
        data = candidate.mask.read()
        mask = upright(decode(data))
    except (UnreadableImageError, UnreadableMemberError, OSError) as error:
        return None, f"its mask is left out: {error}"
    if not same_shape(mask.size, upright(image).size):
        return None, "its mask is left out: it has another shape than the image"
    return Mask(PurePath(usable_name(candidate.mask.name, data)).suffix.lower(), data), ""


def store(into: Store, source: str, seen: Seen) -> Item:
    if seen.look is None:
        return Item(source, FAILED, reason=seen.problem)
    try:
        stored = into.origin.store(seen.name, seen.data, seen.caption, seen.mask)
    except OSError as error:
        told = sentence_of(error, into.origin.folder)
        raise TrainToolsError(f"adding stopped at {source}, what was added before is kept: {told}") from error
    original = Original(stored.path, into.concept)
    if into.known:
        into.known.see(original, seen.look)
    there = "" if stored.is_new else "the same image is there"
    reason = joined(there, stored.note, seen.note)
    return Item(source, ADDED if stored.is_new else THERE, original.name, reason)


def same_shape(one: tuple[int, int], other: tuple[int, int]) -> bool:
    first, second = one[0] * other[1], other[0] * one[1]
    return abs(first - second) <= SAME_SHAPE * max(first, second)


def joined(*notes: str) -> str:
    return "; ".join(note for note in notes if note)
