"""A log file as it grows, piece by piece."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

PIECE_BYTES = 65_536


@dataclass(frozen=True)
class Piece:
    """`text` lies between the bytes `start` and `end` of a file of `size` bytes."""

    text: str
    start: int
    end: int
    size: int


def piece(path: Path, start: int | None) -> Piece:
    """From byte `start` on, at most PIECE_BYTES; None: the file's last ones, from a whole line on.

    A file that has become shorter than `start` is another attempt's and is read as if it were new. Of a file that
    isn't there nothing is given.
    """
    try:
        with path.open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            from_end = start is None or not 0 <= start <= size
            begin = max(0, size - PIECE_BYTES) if from_end or start is None else start
            file.seek(begin)
            data = file.read(PIECE_BYTES)
    except (FileNotFoundError, NotADirectoryError):
        return Piece("", 0, 0, 0)
    if from_end and begin:
        cut = data.find(b"\n") + 1
        data, begin = data[cut:], begin + cut
    whole = _whole(data)
    return Piece(whole.decode("utf-8", "replace"), begin, begin + len(whole), size)


def _whole(data: bytes) -> bytes:
    """Without a character that has been written in part at the end."""
    for back in range(1, min(4, len(data)) + 1):
        byte = data[-back]
        if byte >= 0xC0:
            needs = 2 if byte < 0xE0 else 3 if byte < 0xF0 else 4
            return data[:-back] if needs > back else data
        if byte < 0x80:
            break
    return data
