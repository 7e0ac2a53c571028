"""Adds pictures to a version: each is decoded to the end first, then copied byte for byte."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path

from PIL import Image

from train_tools.dataset.archives import UnreadableMemberError
from train_tools.dataset.candidates import Candidate, Found, caption_of, find_candidates
from train_tools.dataset.images import UnreadableImageError, decode, frames, pixel_count
from train_tools.dataset.known import Known, LastIntake, Skipped
from train_tools.dataset.looks import Duplicates, Look, duplicates_of, find_duplicates, look_at
from train_tools.dataset.origin import Caption, Origin
from train_tools.dataset.originals import PRELOAD, Original, originals_in
from train_tools.dataset.parallel import DECODING, ordered
from train_tools.dataset.progress import Progress, Report, silent
from train_tools.dataset.sources import check_sources, entries_of
from train_tools.errors import TrainToolsError, UsageError
from train_tools.workspace.files import require_inside
from train_tools.workspace.lock import writing
from train_tools.workspace.names import check_name, same_on_some_disk
from train_tools.workspace.os_errors import sentence_of
from train_tools.workspace.workspace import Version, names_in

ADDED, THERE, IGNORED, FAILED = "added", "already there", "ignored", "failed"


@dataclass(frozen=True)
class Item:
    """What became of one file. `name` is its name in dataset/origin; `reason` says why, or what to know."""

    source: str
    outcome: str
    name: str = ""
    reason: str = ""


@dataclass(frozen=True)
class IntakeReport:
    """`duplicates` are groups of images in the version of which one was given now; all of them are kept."""

    items: tuple[Item, ...]
    duplicates: tuple[Duplicates, ...] = ()

    def of(self, outcome: str) -> list[Item]:
        return [item for item in self.items if item.outcome == outcome]


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
    note: str = ""
    problem: str = ""


def add(
    version: Version, sources: Sequence[Path], report: Report = silent, concept: str = ""
) -> IntakeReport:
    """Adds files, folders (searched through, hidden ones left out) and what zips hold, all to one concept.

    Nothing already there is changed. `report` may raise: what was added before stays, whole.
    Raises UsageError where a source is missing or `concept` can't be a folder (nothing is added then) or the
    version is being written, TrainToolsError where dataset/origin can't be written.
    """
    check_sources(sources)
    with writing(version, "adding images"), ExitStack() as stack:
        folder = concept_folder(version, concept)
        found = find_candidates(entries_of(sources, stack))
        known = Known.of(version)
        items = [
            Item(one.shown, FAILED if one.is_fault else IGNORED, "", one.reason) for one in found.left_out
        ]
        try:
            take_in(found, Store(Origin(folder), known, concept), items, report)
        finally:
            known.last_intake = summary(found, items)
            known.save(originals_in(version.origin))
    looks = known.looks(originals_in(version.origin))
    return IntakeReport(tuple(items), duplicates_of((item.name for item in items), find_duplicates(looks)))


def concept_folder(version: Version, concept: str) -> Path:
    """Where its originals lie; raises UsageError for a name that can't be a folder of its own."""
    if not concept:
        return version.origin
    check_name(concept, "concept")
    if concept.casefold() == PRELOAD:
        raise UsageError(f"concept name {PRELOAD!r} can't be used: sd-webui-train-tools keeps copies there")
    for other in names_in(version.origin):
        if other != concept and same_on_some_disk(other, concept):
            raise UsageError(
                f"concept {concept!r} differs from {other!r}, which is there, only in letter case"
            )
    return require_inside(version.origin / concept, version.folder)


def take_in(found: Found, into: Store, items: list[Item], report: Report) -> None:
    """Looks at many images at a time and stores them one by one, in their order."""
    total = len(found.candidates)
    with ordered(partial(see, into.prepare), found.candidates) as results:
        for number, (candidate, seen) in enumerate(results, start=1):
            item = store(into, candidate.image.shown, seen)
            items.append(item)
            text = f"{item.outcome}: {item.reason}".rstrip(": ")
            report(Progress(number, total, candidate.image.shown, text))


def see(prepare: Prepare, candidate: Candidate) -> Seen:
    try:
        candidate.image.name.encode("utf-8")
        data = candidate.image.read()
        with DECODING.holding(pixel_count(data)):
            image = decode(data)
            look = look_at(data, image)
            name, kept = prepare(candidate.image.name, data, image)
    except UnicodeEncodeError:
        return Seen(problem="its name isn't valid text; rename it")
    except (UnreadableImageError, UnreadableMemberError) as error:
        return Seen(problem=str(error))
    except OSError as error:
        return Seen(problem=f"it can't be read ({error.strerror or error})")
    caption, complaint = caption_of(candidate)
    animated = "animated: its first frame is used" if frames(image) > 1 else ""
    converted = "made a PNG" if kept is not data else ""
    return Seen(name, kept, look, caption, joined(animated, converted, complaint))


def store(into: Store, source: str, seen: Seen) -> Item:
    if seen.look is None:
        return Item(source, FAILED, reason=seen.problem)
    try:
        stored = into.origin.store(seen.name, seen.data, seen.caption)
    except OSError as error:
        told = sentence_of(error, into.origin.folder)
        raise TrainToolsError(f"adding stopped at {source}, what was added before is kept: {told}") from error
    original = Original(stored.path, into.concept)
    if into.known:
        into.known.see(original, seen.look)
    there = "" if stored.is_new else "the same image is there"
    reason = joined(there, stored.note, seen.note)
    return Item(source, ADDED if stored.is_new else THERE, original.name, reason)


def summary(found: Found, items: Sequence[Item]) -> LastIntake:
    return LastIntake(
        datetime.now().isoformat("T", "seconds"),
        len(found.candidates) + len(found.left_out),
        sum(item.outcome == ADDED for item in items),
        tuple(Skipped(item.source, item.reason) for item in items if item.outcome in (IGNORED, FAILED)),
    )


def joined(*notes: str) -> str:
    return "; ".join(note for note in notes if note)
