"""Writes into a folder of originals: under free names only, image, caption and mask never parted."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass, field
from pathlib import Path, PurePath

from train_tools.dataset.originals import (
    MASK_END,
    caption_files,
    images_in,
    is_image,
    masked_stem,
    masks_among,
    picture_files,
)
from train_tools.workspace.files import write_bytes
from train_tools.workspace.names import FORBIDDEN, RESERVED, comparable

LONGEST_NAME = 220  # bytes of UTF-8
LONGEST_STEM = (
    200  # bytes; leaves room for a number, a mask's ending and the suffix in the 255 of a file system
)


@dataclass(frozen=True)
class Caption:
    suffix: str
    data: bytes


@dataclass(frozen=True)
class Mask:
    suffix: str
    data: bytes


@dataclass(frozen=True)
class Stored:
    """`is_new`: the image was written; otherwise the same one lies there under that name."""

    path: Path
    is_new: bool
    note: str


@dataclass
class Origin:
    """The names in the folder, so that no disk (of either letter-case habit) sees two as one."""

    folder: Path
    files: dict[str, Path] = field(default_factory=dict)  # comparable name -> file
    captions: dict[str, Path] = field(default_factory=dict)  # comparable stem -> caption file
    stems: set[str] = field(default_factory=set)  # comparable stems of the images
    masks: dict[str, Path] = field(default_factory=dict)  # comparable stem -> mask

    def __post_init__(self) -> None:
        for path in self.folder.iterdir() if self.folder.is_dir() else ():
            self.files[comparable(path.name)] = path
        self.stems = {comparable(path.stem) for path in images_in(self.folder)}
        masks = masks_among(picture_files(self.folder))
        self.masks = {comparable(stem): path for stem, path in masks.items()}
        self.captions = {comparable(stem): path for stem, path in caption_files(self.folder).items()}

    def store(self, name: str, data: bytes, caption: Caption | None, mask: Mask | None = None) -> Stored:
        """Copies image, caption and mask under the first name that no other image or caption holds."""
        wanted, number = PurePath(portable(name)), 1
        if masked_stem(wanted):  # it isn't one, or it would have come with its image
            wanted = PurePath(f"{masked_stem(wanted)}_{MASK_END[1:]}{wanted.suffix}")
        changed = "" if wanted.name == name else f"as {wanted.name!r}: its name can't be used on every system"
        while True:
            stem = wanted.stem if number == 1 else f"{cut(wanted.stem, LONGEST_STEM)} ({number})"
            free = stem + wanted.suffix
            existing = self.files.get(comparable(free))
            if existing and existing.read_bytes() == data:
                note = "; ".join(
                    filter(None, [self._keep_late(existing, caption), self._mask(existing, mask)])
                )
                return Stored(existing, False, note)
            stem_taken = comparable(stem) in self.stems or comparable(stem) in self.captions
            same_caption = self.caption_of(stem) == (caption.data if caption else None)
            if not existing and (not stem_taken or same_caption):
                if caption and not stem_taken:
                    self._write(stem + caption.suffix, caption.data)
                renamed = changed if number == 1 else f"as {free!r}: another image or caption has its name"
                written = self._write(free, data)
                self._mask(written, mask)
                return Stored(written, True, renamed)
            number += 1

    def _mask(self, image: PurePath, mask: Mask | None) -> str:
        """Keeps it beside its image, where that has none yet."""
        if mask is None:
            return ""
        kept = self.masks.get(comparable(image.stem))
        name = f"{image.stem}{MASK_END}{mask.suffix}"
        if kept is None and comparable(name) not in self.files:
            self.masks[comparable(image.stem)] = self._write(name, mask.data)
            return "its mask was added"
        same = kept is not None and kept.read_bytes() == mask.data
        return "" if same else "its other mask was not taken over"

    def caption_of(self, stem: str) -> bytes | None:
        path = self.captions.get(comparable(stem))
        return path.read_bytes() if path else None

    def _keep_late(self, existing: Path, caption: Caption | None) -> str:
        """A caption that comes after its image is added; one that differs from the kept one isn't."""
        if caption is None:
            return ""
        kept = self.caption_of(existing.stem)
        if kept is None:
            self._write(existing.stem + caption.suffix, caption.data)
            return "its caption was added"
        return "" if kept == caption.data else "its other caption was not taken over"

    def _write(self, name: str, data: bytes) -> Path:
        path = self.folder / name
        write_bytes(path, data)
        self.files[comparable(name)] = path
        if masked_stem(path):
            pass
        elif is_image(path):
            self.stems.add(comparable(path.stem))
        else:
            self.captions.setdefault(comparable(path.stem), path)
        return path


def portable(name: str) -> str:
    """The nearest file name that Windows, macOS and Linux all hold; the same one where it is such a name."""
    path = PurePath("".join("_" if is_awkward(character) else character for character in name))
    stem = path.stem if len(path.name.encode("utf-8")) <= LONGEST_NAME else cut(path.stem, LONGEST_STEM)
    device = stem.partition(".")[0].rstrip()
    if device.upper() in RESERVED:
        stem = f"{device}_{stem[len(device) :]}"
    return stem + path.suffix


def is_awkward(character: str) -> bool:
    return character in f"{FORBIDDEN}\\/" or unicodedata.category(character) in ("Cc", "Zl", "Zp")


def cut(text: str, size: int) -> str:
    """At most `size` bytes of UTF-8, whole characters."""
    return text.encode("utf-8")[:size].decode("utf-8", "ignore")
