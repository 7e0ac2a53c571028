"""All pictures of a version in columns: for each cell a number into each axis' table of values.

Axes are those that pictures were rendered along (prompt, weight, seed …), those of checkpoints (run, epoch), and
every training argument in which the runs differ. One that has a single value is no axis.
"""

from __future__ import annotations

import functools
from array import array
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from train_tools.compare.cells import INDEX, Cell, read_cells
from train_tools.compare.checkpoints import Checkpoint, Run, find_checkpoints, find_runs
from train_tools.compare.place import previews
from train_tools.preview.service import NOT_AN_AXIS
from train_tools.workspace.workspace import Version, folders_in

RUN, EPOCH, STEP = "run", "epoch", "step"
PICTURE, CHECKPOINT, TRAINING = KINDS = ("picture", "checkpoint", "training")


@dataclass(frozen=True)
class Axis:
    """`values` in their order; `column` holds each cell's number among them. `kind` is one of KINDS."""

    name: str
    kind: str
    values: tuple[Any, ...]
    column: Sequence[int]


@dataclass(frozen=True)
class Board:
    """`owner` is each cell's number among `checkpoints`. `common` are the axes' names that have one value."""

    checkpoints: tuple[Checkpoint, ...]
    runs: tuple[Run, ...]
    cells: tuple[Cell, ...]
    owner: Sequence[int]
    axes: tuple[Axis, ...]
    common: Mapping[str, Any]

    def axis(self, name: str) -> Axis | None:
        return next((axis for axis in self.axes if axis.name == name), None)


def read_board(version: Version) -> Board:
    """From the index, the run folders and their files; as before while none of them has changed.

    A cell whose checkpoint is gone is left out.
    """
    return _read(version, _stamp(version))


@functools.lru_cache(maxsize=3)
def _read(version: Version, _stamp: tuple[Any, ...]) -> Board:
    return make_board(find_runs(version), find_checkpoints(version), read_cells(version))


def _stamp(version: Version) -> tuple[Any, ...]:
    """What changes when a preview or a checkpoint is written: both replace files, which their folders note."""
    return tuple(_changed(path) for path in (previews(version) / INDEX, *folders_in(version.trains)))


def _changed(path: Path) -> tuple[str, int, int]:
    try:
        status = path.stat()
    except OSError:
        return path.name, 0, 0
    return path.name, status.st_mtime_ns, status.st_size


def make_board(runs: Sequence[Run], checkpoints: Sequence[Checkpoint], found: Iterable[Cell]) -> Board:
    number_of = {(c.run, c.file): number for number, c in enumerate(checkpoints)}
    cells, owner = [], array("l")
    for cell in found:
        number = number_of.get((cell.run, cell.file))
        if number is not None:
            cells.append(cell)
            owner.append(number)
    axes = [
        *_training_axes(runs, checkpoints, owner),
        *_checkpoint_axes(runs, checkpoints, owner),
        *_picture_axes(cells),
    ]
    common = {axis.name: axis.values[0] for axis in axes if len(axis.values) == 1}
    several = tuple(axis for axis in axes if len(axis.values) > 1)
    return Board(tuple(checkpoints), tuple(runs), tuple(cells), owner, several, common)


def _training_axes(
    runs: Sequence[Run], checkpoints: Sequence[Checkpoint], owner: Sequence[int]
) -> list[Axis]:
    """The arguments in which runs that have pictures differ."""
    arguments = {run.name: run.arguments for run in runs}
    shown = {checkpoints[number].run for number in set(owner)}
    names = sorted({name for run in shown for name in arguments.get(run, {})} - NOT_AN_AXIS)
    axes = []
    for name in names:
        of_run = {run: _plain(arguments[run].get(name)) for run in shown}
        if len(set(map(repr, of_run.values()))) > 1:
            axes.append(
                _of_checkpoints(name, TRAINING, checkpoints, owner, lambda c, of=of_run: of.get(c.run))
            )
    return axes


def _checkpoint_axes(
    runs: Sequence[Run], checkpoints: Sequence[Checkpoint], owner: Sequence[int]
) -> list[Axis]:
    order = {run.name: number for number, run in enumerate(runs)}
    by_run = _of_checkpoints(RUN, CHECKPOINT, checkpoints, owner, lambda c: c.run, order.__getitem__)
    by_epoch = _of_checkpoints(EPOCH, CHECKPOINT, checkpoints, owner, lambda c: c.epoch)
    is_told = len(set(zip(by_run.column, by_epoch.column, strict=True))) == len(set(owner))
    if is_told:
        return [by_run, by_epoch]
    # Checkpoints between epochs (save_every_n_steps), or of files that say nothing.
    by_step = _of_checkpoints(STEP, CHECKPOINT, checkpoints, owner, lambda c: c.step)
    told = set(zip(by_run.column, by_epoch.column, by_step.column, strict=True))
    if len(told) == len(set(owner)):
        return [by_run, by_epoch, by_step]
    by_file = _of_checkpoints("checkpoint", CHECKPOINT, checkpoints, owner, lambda c: c.file)
    return [by_run, by_epoch, by_file]


def _of_checkpoints(
    name: str,
    kind: str,
    checkpoints: Sequence[Checkpoint],
    owner: Sequence[int],
    value: Callable[[Checkpoint], Any],
    order: Callable[[Any], Any] | None = None,
) -> Axis:
    values = {number: value(checkpoints[number]) for number in set(owner)}
    table = sorted(set(values.values()), key=order or _order)
    place = {one: number for number, one in enumerate(table)}
    of_checkpoint = {number: place[one] for number, one in values.items()}
    return Axis(name, kind, tuple(table), array("l", [of_checkpoint[number] for number in owner]))


def _picture_axes(cells: Sequence[Cell]) -> list[Axis]:
    """Numbers in their order, texts (prompts) in the order in which they were asked for."""
    axes = []
    for name in dict.fromkeys(name for cell in cells for name in cell.values):
        raw = [_plain(cell.values.get(name)) for cell in cells]
        table = list(dict.fromkeys(raw))
        if all(isinstance(value, (int, float)) or value is None for value in table):
            table.sort(key=_order)
        place = {one: number for number, one in enumerate(table)}
        axes.append(Axis(name, PICTURE, tuple(table), array("l", [place[value] for value in raw])))
    return axes


def _plain(value: Any) -> Any:
    """What can stand in a table: a list as text."""
    if isinstance(value, (list, tuple)):
        return ", ".join(str(_plain(item)) for item in value)
    return str(value) if isinstance(value, dict) else value


def _order(value: Any) -> tuple[int, float, str]:
    """None, numbers, texts."""
    if value is None:
        return (0, 0.0, "")
    if isinstance(value, (int, float)):
        return (1, float(value), "")
    return (2, 0.0, str(value))
