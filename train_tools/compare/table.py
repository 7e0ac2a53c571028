"""A board laid out as a table: rows and columns by any axes, filtered, sorted; in each place one cell at most."""

from __future__ import annotations

from array import array
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import compress
from typing import Any

from train_tools.compare.board import CHECKPOINT, EPOCH, FILE, PICTURE, RUN, STEP, TRAINING, Axis, Board
from train_tools.errors import UsageError

EMPTY = -1
USUAL_COLUMNS = (EPOCH, STEP, FILE, "weight", "weight_unet")


@dataclass(frozen=True)
class Layout:
    """`rows` and `columns` name axes, the outer first. `where` keeps cells by an axis' allowed values.

    `checkpoints` keeps those of some checkpoints alone (None: all). `sort` gives rows by a number for each
    checkpoint: the best of a row counts, rows without any go last.
    """

    rows: Sequence[str] = ()
    columns: Sequence[str] = ()
    where: Mapping[str, Sequence[Any]] = field(default_factory=dict)
    checkpoints: Collection[int] | None = None
    sort: Mapping[int, float] | None = None
    lowest_first: bool = False


@dataclass(frozen=True)
class Table:
    """`row_keys[i]` holds a number into each row axis' values; `grid` row by row a cell's number, or EMPTY.

    `rows` and `columns` are the axes as they were taken: what the chosen ones don't tell apart was added.
    `hidden` counts cells that others in the same place cover (newer ones are shown).
    """

    rows: tuple[str, ...]
    columns: tuple[str, ...]
    row_keys: tuple[tuple[int, ...], ...]
    column_keys: tuple[tuple[int, ...], ...]
    grid: Sequence[int]
    shown: int
    hidden: int


def lay_out(board: Board, layout: Layout) -> Table:
    """Raises UsageError for an axis that isn't there, or is given twice."""
    kept = _kept(board, layout)
    named = [_axis(board, name) for name in (*layout.rows, *layout.columns)]
    if len({axis.name for axis in named}) < len(named):
        raise UsageError("an axis can stand on rows or on columns, once")
    rows, columns = _completed(board, layout, kept)
    row_of, row_keys = _keys(rows, kept)
    column_of, column_keys = _keys(columns, kept)
    if layout.sort is not None:
        row_of, row_keys = _sorted(board, layout, kept, row_of, row_keys)
    grid = array("l", [EMPTY]) * (len(row_keys) * len(column_keys))
    shown = 0
    for cell, row, column in zip(kept, row_of, column_of, strict=True):
        place = row * len(column_keys) + column
        shown += grid[place] == EMPTY
        grid[place] = cell
    names = tuple(axis.name for axis in rows), tuple(axis.name for axis in columns)
    return Table(*names, tuple(row_keys), tuple(column_keys), grid, shown, len(kept) - shown)


def _axis(board: Board, name: str) -> Axis:
    found = board.axis(name)
    if found is None:
        there = (
            ", ".join(axis.name for axis in board.axes) or "none, as there are no two pictures that differ"
        )
        one = f"; all pictures have the same {name}" if name in board.common else ""
        raise UsageError(f"the board has no axis {name!r}{one}; there are: {there}")
    return found


def _kept(board: Board, layout: Layout) -> list[int]:
    mask = [True] * len(board.cells)
    for name, wanted in layout.where.items():
        if name in board.common:
            allowed = board.common[name] in wanted
            mask = [keep and allowed for keep in mask]
            continue
        axis = _axis(board, name)
        numbers = {number for number, value in enumerate(axis.values) if value in wanted}
        mask = [keep and number in numbers for keep, number in zip(mask, axis.column, strict=True)]
    if layout.checkpoints is not None:
        chosen = set(layout.checkpoints)
        mask = [keep and number in chosen for keep, number in zip(mask, board.owner, strict=True)]
    return list(compress(range(len(board.cells)), mask))


def _completed(board: Board, layout: Layout, kept: Sequence[int]) -> tuple[list[Axis], list[Axis]]:
    """The asked axes, and as many others as are needed for one cell a place."""
    rows = [_axis(board, name) for name in layout.rows]
    columns = [_axis(board, name) for name in layout.columns]
    taken = {axis.name for axis in (*rows, *columns)}
    # The run says all that its arguments say: those are added by nobody but the user.
    others = [axis for axis in board.axes if axis.name not in taken and axis.kind != TRAINING]
    varied = [axis for axis in others if _varies(axis, kept)]
    order = {CHECKPOINT: 0, PICTURE: 1}
    for axis in sorted(varied, key=lambda axis: (order[axis.kind], axis.name != RUN)):
        if _tells_apart(rows + columns, kept):
            break
        target = columns if axis.name in USUAL_COLUMNS and not layout.columns else rows
        target.append(axis)
    return rows, columns


def _varies(axis: Axis, kept: Sequence[int]) -> bool:
    column = axis.column
    first = column[kept[0]] if kept else 0
    return any(column[cell] != first for cell in kept)


def _codes(axes: Sequence[Axis], kept: Sequence[int]) -> list[int]:
    """One number for each cell, equal where all axes' are: digits in a mixed base."""
    codes = [0] * len(kept)
    for axis in axes:
        base, column = len(axis.values), axis.column
        codes = [code * base + column[cell] for code, cell in zip(codes, kept, strict=True)]
    return codes


def _tells_apart(axes: Sequence[Axis], kept: Sequence[int]) -> bool:
    return len(set(_codes(axes, kept))) == len(kept)


def _keys(axes: Sequence[Axis], kept: Sequence[int]) -> tuple[list[int], list[tuple[int, ...]]]:
    """Each cell's place among the combinations that occur, and those, in the order of the axes."""
    codes = _codes(axes, kept)
    found = sorted(set(codes))
    place = {code: number for number, code in enumerate(found)}
    keys = []
    for code in found:
        digits = []
        left = code
        for axis in reversed(axes):
            left, digit = divmod(left, len(axis.values))
            digits.append(digit)
        keys.append(tuple(reversed(digits)))
    return [place[code] for code in codes], keys


def _sorted(
    board: Board, layout: Layout, kept: Sequence[int], row_of: list[int], keys: list[tuple[int, ...]]
) -> tuple[list[int], list[tuple[int, ...]]]:
    sign = -1.0 if layout.lowest_first else 1.0
    numbers = {owner: sign * number for owner, number in (layout.sort or {}).items()}
    best = [float("-inf")] * len(keys)
    for cell, row in zip(kept, row_of, strict=True):
        best[row] = max(best[row], numbers.get(board.owner[cell], float("-inf")))
    order = sorted(range(len(keys)), key=lambda row: -best[row])
    place = {row: number for number, row in enumerate(order)}
    return [place[row] for row in row_of], [keys[row] for row in order]
