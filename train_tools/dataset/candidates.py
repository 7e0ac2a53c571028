"""Which of the files given are images, and which caption belongs to each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from train_tools.dataset.archives import UnreadableMemberError
from train_tools.dataset.masks import Masks, find_masks
from train_tools.dataset.metadata import is_list, is_metadata, read_metadata
from train_tools.dataset.origin import Caption
from train_tools.dataset.originals import (
    CAPTION_SUFFIXES,
    UTF_16,
    UnreadableCaptionError,
    caption_text,
    is_caption,
    is_image,
)
from train_tools.dataset.sources import Entry
from train_tools.dataset.unread import unread

Key = tuple[str, str]  # folder, and file name or stem


@dataclass(frozen=True)
class Candidate:
    """An image, its caption file beside it, what a metadata file says, and its mask."""

    image: Entry
    caption_file: Entry | None = None
    metadata: str = ""
    mask: Entry | None = None


@dataclass(frozen=True)
class LeftOut:
    """A file that isn't taken in; `is_fault`: a person wanted it to be."""

    shown: str
    reason: str
    is_fault: bool = False


@dataclass(frozen=True)
class Found:
    candidates: tuple[Candidate, ...]
    left_out: tuple[LeftOut, ...]


@dataclass
class _Captions:
    files: dict[Key, Entry] = field(default_factory=dict)  # by folder and stem
    texts: dict[Key, str] = field(default_factory=dict)  # by folder and file name or stem
    left_out: list[LeftOut] = field(default_factory=list)


def find_candidates(entries: Sequence[Entry], *, with_masks: bool = True) -> Found:
    """Without masks, pictures that are called so are images as all others."""
    images = [entry for entry in entries if is_image(entry.path) and not entry.problem]
    masks = find_masks(images) if with_masks else Masks()
    others = {(entry.folder, entry.name) for entry in masks.entries}
    images = [image for image in images if (image.folder, image.name) not in others]
    stems = {(image.folder, image.path.stem) for image in images}
    names = {(image.folder, image.name) for image in images}
    known = _captions_in(entries)
    left_out = [*known.left_out, *(LeftOut(entry.shown, reason) for entry, reason in masks.left_out)]
    left_out += [*(one for e in entries if (one := _left_out(e, stems | names)) is not None)]
    if not any(entry.companion for entry in entries):  # otherwise a single image's folder may hold more
        left_out += [_unmatched(key) for key in known.texts if key not in names and key not in stems]
    candidates = (_candidate(image, known, masks.of.get((image.folder, image.name))) for image in images)
    return Found(tuple(candidates), tuple(left_out))


def _candidate(image: Entry, known: _Captions, mask: Entry | None) -> Candidate:
    """Some programs call the caption of `a.png` `a.png.txt`."""
    by_name, by_stem = (image.folder, image.name), (image.folder, image.path.stem)
    text = known.texts.get(by_name) or known.texts.get(by_stem) or ""
    return Candidate(image, known.files.get(by_stem) or known.files.get(by_name), text, mask)


def _captions_in(entries: Sequence[Entry]) -> _Captions:
    known = _Captions()
    files = [entry for entry in entries if is_caption(entry.path) and not entry.problem]
    for entry in sorted(files, key=lambda entry: CAPTION_SUFFIXES.index(entry.path.suffix.lower())):
        known.files.setdefault((entry.folder, entry.path.stem), entry)
    for entry in sorted(entries, key=lambda entry: not is_list(entry.name)):
        if is_metadata(entry.path) and not entry.problem:
            _read(entry, known)
    return known


def _read(entry: Entry, known: _Captions) -> None:
    try:
        data = entry.read()
    except (OSError, UnreadableMemberError) as error:
        known.left_out.append(LeftOut(entry.shown, f"it can't be read ({error})", is_fault=True))
        return
    metadata = read_metadata(entry.folder, entry.name, data)
    if metadata is None:
        if not entry.companion:
            reason = f"not an image ({entry.path.suffix}), and no captions for images"
            known.left_out.append(LeftOut(entry.shown, reason))
        return
    for key, text in metadata.captions.items():
        known.texts.setdefault(key, text)
    known.left_out += [LeftOut(entry.shown, problem, is_fault=True) for problem in metadata.problems]


def _left_out(entry: Entry, stems: set[Key]) -> LeftOut | None:
    if entry.problem:
        return LeftOut(entry.shown, entry.problem, entry.is_fault)
    if entry.companion or is_image(entry.path) or is_metadata(entry.path):
        return None
    if is_caption(entry.path):
        beside = (entry.folder, entry.path.stem) in stems
        return None if beside else LeftOut(entry.shown, "a caption without an image of the same name")
    return LeftOut(entry.shown, *unread(entry.path))


def _unmatched(key: Key) -> LeftOut:
    return LeftOut("/".join(key), "captioned in a metadata file, but there is no such image")


def caption_of(candidate: Candidate) -> tuple[Caption | None, str]:
    """The caption to keep, and a complaint where there is one that can't be read."""
    file = candidate.caption_file
    if file is None:
        text = candidate.metadata
        return (Caption(".txt", f"{text}\n".encode()) if text else None), ""
    try:
        data = file.read()
        text = caption_text(data, file.name)
    except (UnreadableCaptionError, UnreadableMemberError, OSError) as error:
        return None, f"its caption is left out: {error}"
    if data[:2] in UTF_16:  # which no trainer reads
        return Caption(file.path.suffix.lower(), f"{text}\n".encode()), ""
    return Caption(file.path.suffix.lower(), data), ""
