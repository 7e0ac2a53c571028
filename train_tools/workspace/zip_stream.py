"""A folder as a zip that is made while it is read: of any size (Zip64), with names of any script."""

from __future__ import annotations

import contextlib
import io
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from train_tools.workspace.archive import PACKED, blocks, printable, zip_time
from train_tools.workspace.portable import Portable
from train_tools.workspace.tree import survey

LEFT_OUT = "left out.txt"


@dataclass(frozen=True)
class Parcel:
    """Paths relative to `folder`, below `name` in the zip. `left_out` says what doesn't go into it, and why."""

    name: str
    folder: Path
    files: tuple[tuple[str, int], ...]
    left_out: tuple[str, ...]

    @property
    def bytes(self) -> int:
        return sum(size for _, size in self.files)


def parcel_of(folder: Path) -> Parcel:
    """Without links, and names that not every system takes."""
    tree, portable = survey(folder, lambda _path: False), Portable()
    faults = {path: portable.fault(path) for path, _ in tree.files}
    notes = [f"{path}: {fault}" for path, fault in faults.items() if fault]
    notes += [f"{path}: a link or no file" for path in tree.left_out]
    files = tuple((path, size) for path, size in tree.files if not faults[path])
    return Parcel(folder.name, folder, files, tuple(map(printable, notes)))


def zip_pieces(parcel: Parcel) -> Iterator[bytes]:
    """What a training deletes meanwhile is named in LEFT_OUT."""
    out, gone = _Pieces(), list(parcel.left_out)
    with zipfile.ZipFile(out, "w") as archive:
        for path, _ in parcel.files:
            try:
                with contextlib.closing((parcel.folder / path).open("rb")) as source:
                    info = zipfile.ZipInfo(f"{parcel.name}/{path}", zip_time(parcel.folder / path))
                    info.external_attr = 0o644 << 16
                    is_packed = source.name.lower().endswith(tuple(PACKED))
                    info.compress_type = zipfile.ZIP_STORED if is_packed else zipfile.ZIP_DEFLATED
                    with archive.open(info, "w", force_zip64=True) as writer:
                        for block in blocks(source):
                            writer.write(block)
                            yield out.taken()
            except FileNotFoundError:
                gone.append(f"{path}: it was deleted meanwhile")
        if gone:
            archive.writestr(f"{parcel.name}/{LEFT_OUT}", "\n".join(gone))
    yield out.taken()


class _Pieces(io.RawIOBase):
    """What was written since it was last taken; nobody can go back in it."""

    def __init__(self) -> None:
        super().__init__()
        self._pieces: list[bytes] = []

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        self._pieces.append(bytes(data))
        return len(self._pieces[-1])

    def taken(self) -> bytes:
        pieces, self._pieces = self._pieces, []
        return b"".join(pieces)
