"""A version's captions for who asks again and again: only files that have changed are read.

Who adds, removes or replaces a file changes its folder's time, and we replace. Only for what another program writes in
place are the files themselves looked at, every SWEEP_S.
"""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from pathlib import Path

from train_tools.dataset.training import training_images
from train_tools.tags.files import CaptionFile, read_one
from train_tools.tags.tokens import count
from train_tools.workspace.workspace import Version, folders_in

SWEEP_S = 10.0
COUNTING_S = 0.4  # of one look, reading included; the tokens that are left are counted at the next one

Stamp = tuple[int, int, int] | None


@dataclass
class Known:
    """`image` and `caption` are the times and sizes of the files; `tokens` is None until they were counted."""

    image: Stamp
    caption: Stamp
    file: CaptionFile
    tokens: int | None = None


class CaptionReader:
    """For several threads."""

    def __init__(self) -> None:
        self._known: dict[Path, Known] = {}
        self._folders: dict[Path, Stamp] = {}
        self._swept = float("-inf")
        self._turn = threading.Lock()

    def read(self, version: Version, counting_s: float = COUNTING_S) -> list[Known]:
        """One for each training image, by name; none where nothing is processed."""
        with self._turn:
            now = time.monotonic()
            folders = {
                folder: _stamp(folder) for folder in [version.processed, *folders_in(version.processed)]
            }
            if folders != self._folders or now - self._swept >= SWEEP_S:
                self._sweep(version)
                # Looked at before the files: a change in between is seen the next time.
                self._folders, self._swept = folders, now
            known = list(self._known.values())
            _count(known, now + counting_s)
            return known

    def _sweep(self, version: Version) -> None:
        found = {}
        for image in training_images(version.processed):
            stamps = (_stamp(image.path), _stamp(image.caption_file))
            old = self._known.get(image.path)
            if old is None or (old.image, old.caption) != stamps or old.file.image != image:
                old = Known(*stamps, read_one(version, image))
            found[image.path] = old
        self._known = found


def _count(known: list[Known], deadline: float) -> None:
    for one in known:
        if one.tokens is None:
            one.tokens = count(one.file.text or "")
            if time.monotonic() > deadline:
                return


def _stamp(path: Path) -> Stamp:
    try:
        found = path.stat()
    except OSError:
        return None
    return (found.st_mtime_ns, found.st_size, found.st_ino)
