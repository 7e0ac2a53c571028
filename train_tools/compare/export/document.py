"""The board as one HTML file with its pictures inside: to keep, to send to somebody, to open without a network.

It is made piece by piece, while it is sent or written.
"""

from __future__ import annotations

import base64
import html
import json
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from train_tools.compare.board import Board, value_text
from train_tools.compare.marks import CHECKPOINT
from train_tools.compare.place import PICTURES, picture_path
from train_tools.compare.service import Viewed
from train_tools.compare.table import EMPTY
from train_tools.compare.thumbnails import cell_thumbnail
from train_tools.errors import TrainToolsError, UsageError
from train_tools.preview.index import CellEntry
from train_tools.workspace.workspace import Version

SMALL, WHOLE = SIZES = ("small", "whole")
SIDE = 384  # pixels of a small picture
SAMPLES = 12  # small pictures that are made to tell how large all will be
HERE = Path(__file__).parent
ARGUMENT = "argument."
Words = Mapping[str, Sequence[str]]  # by their ids, in English and Chinese
FACTS = ("text", "negative_prompt", "seed", "sampler", "scheduler", "steps", "cfg_scale", "size")


@dataclass(frozen=True)
class Sized:
    """Bytes of the file, by the size of its pictures; that of small ones is an estimate."""

    pictures: int
    small: int
    whole: int


def sized(version: Version, viewed: Viewed) -> Sized:
    cells = _shown(viewed)
    whole = small = taken = 0
    chosen = set(range(0, len(cells), max(1, len(cells) // SAMPLES)))
    for place, cell in enumerate(cells.values()):
        try:
            whole += _encoded(picture_path(version, cell).stat().st_size)
            if place in chosen:
                small += _encoded(cell_thumbnail(version, cell, SIDE).stat().st_size)
                taken += 1
        except (TrainToolsError, OSError):
            continue
    return Sized(len(cells), round(small / max(1, taken) * len(cells)), whole)


def _encoded(size: int) -> int:
    return -(-size // 3) * 4


def _shown(viewed: Viewed) -> dict[str, CellEntry]:
    """By key: pictures without LoRA stand in many places."""
    cells = (viewed.board.cells[number] for number in viewed.table.grid if number != EMPTY)
    return {cell.key: cell for cell in cells}


def pieces(version: Version, viewed: Viewed, words: Words, size: str, language: str) -> Iterator[str]:
    """`words` are those of the page; `language` is the one that it opens in. Raises UsageError for another size."""
    if size not in SIZES:
        raise UsageError(f"pictures are {' or '.join(SIZES)}, not {size!r}")
    cells = _shown(viewed)
    place = {key: number for number, key in enumerate(cells)}
    head, body, end = _own("html").split("<!-- here -->\n")
    title = f"{version.project} / {version.name}"
    yield f"{head.replace('{title}', html.escape(title))}<style>\n{_own('css')}</style>\n{body}"
    yield _script("data", _document(title, viewed, place, words, language))
    for number, cell in enumerate(cells.values()):
        if found := _picture(version, cell, size):
            kind, content = found
            yield f'<script type="text/plain" id="p{number}" data-kind="{kind}">'
            yield base64.b64encode(content).decode("ascii") + "</script>\n"
    yield f"<script>\n{_own('js')}</script>\n{end}"


def _own(kind: str) -> str:
    return (HERE / f"page.{kind}").read_text(encoding="utf-8")


def _script(name: str, content: Mapping[str, Any]) -> str:
    # Nothing in it may end the element.
    text = json.dumps(content, ensure_ascii=False, separators=(",", ":")).replace("<", "\\u003c")
    # Names of files may hold bytes that are no text.
    text = text.encode("utf-8", "replace").decode()
    return f'<script type="application/json" id="{name}">{text}</script>\n'


def _picture(version: Version, cell: CellEntry, size: str) -> tuple[str, bytes] | None:
    try:
        path = picture_path(version, cell) if size == WHOLE else cell_thumbnail(version, cell, SIDE)
        return PICTURES[path.suffix.lower()], path.read_bytes()
    except (TrainToolsError, OSError):
        return None  # its place says that there is none


def _document(
    title: str, viewed: Viewed, place: Mapping[str, int], words: Words, language: str
) -> dict[str, Any]:
    board, table = viewed.board, viewed.table
    shown = [number for number in table.grid if number != EMPTY]
    owners = {owner: n for n, owner in enumerate(dict.fromkeys(board.owner[number] for number in shown))}
    cell_of = {number: n for n, number in enumerate(shown)}
    return {
        "title": title,
        "made": time.time(),
        "language": language,
        "words": _needed(words, {axis.name for axis in board.axes}),
        "axes": [{"name": axis.name, "texts": _axis_texts(board, axis.name)} for axis in board.axes],
        "rows": {"axes": table.rows, "keys": table.row_keys},
        "columns": {"axes": table.columns, "keys": table.column_keys},
        "grid": [cell_of.get(number, EMPTY) for number in table.grid],
        "checkpoints": [_checkpoint(viewed, owner) for owner in owners],
        "cells": [
            {
                "picture": place[board.cells[number].key],
                "checkpoint": owners[board.owner[number]],
                "at": [axis.column[number] for axis in board.axes],
                "bare": not (board.cells[number].weight_unet or board.cells[number].weight_te),
                "facts": {name: value_text(v) for name in FACTS if (v := getattr(board.cells[number], name))},
            }
            for number in shown
        ],
    }


def _needed(words: Words, axes: Collection[str]) -> dict[str, Sequence[str]]:
    """Without what settings are called that the board doesn't show."""
    return {
        name: both
        for name, both in words.items()
        if not name.startswith(ARGUMENT) or name.removeprefix(ARGUMENT) in axes
    }


def _axis_texts(board: Board, name: str) -> list[str]:
    axis = board.axis(name)
    values = axis.values if axis else ()
    called = {"run": board.run_labels, "prompt": board.prompts}.get(name, {})
    return [called.get(value, value_text(value)) for value in values]


def _checkpoint(viewed: Viewed, number: int) -> dict[str, Any]:
    found = viewed.board.checkpoints[number]
    mark = viewed.marks.get((CHECKPOINT, found.id))
    return {
        "run": viewed.board.run_labels[found.run], "file": found.file, "epoch": found.epoch, "step": found.step,
        "mark": mark.mark if mark else "", "note": mark.note if mark else "",
    }  # fmt: skip
