"""All pictures of a version in columns: for each cell a number into each axis' table of values.

Axes are those that pictures were rendered along (prompt, weight, seed …), those of checkpoints (run, epoch), and
every training argument in which the runs differ. One that has a single value is no axis.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import functools
import time
from array import array
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from train_tools.arguments.titles import BETWEEN, title_of
from train_tools.compare.checkpoints import Checkpoint, Run, find_checkpoints, find_runs, stamp_of_file
from train_tools.errors import UsageError
from train_tools.planning.names import FILES
from train_tools.preview.index import AXES, CellEntry, axes_of, index_file, read_index
from train_tools.preview.model_names import shown_models
from train_tools.preview.runs import NOT_AN_AXIS
from train_tools.workspace.workspace import Version, folders_in

SHORTEST_KEY = 8
DATA = "data"  # what runs were trained on, where that has changed between them
RUN, EPOCH, STEP, FILE, BASE_MODEL, VAE = "run", "epoch", "step", "checkpoint", "base_model", "vae"
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
    cells: tuple[CellEntry, ...]
    owner: Sequence[int]
    axes: tuple[Axis, ...]
    common: Mapping[str, Any]

    def axis(self, name: str) -> Axis | None:
        return next((axis for axis in self.axes if axis.name == name), None)

    @functools.cached_property
    def key_length(self) -> int:
        """As many characters of a key as tell all pictures apart."""
        keys = {cell.key for cell in self.cells}
        longest = max(map(len, keys), default=0)
        tells = (n for n in range(SHORTEST_KEY, longest) if len({key[:n] for key in keys}) == len(keys))
        return next(tells, longest)

    @functools.cached_property
    def _by_short_key(self) -> Mapping[str, int]:
        length = self.key_length
        return {cell.key[:length]: number for number, cell in reversed(list(enumerate(self.cells)))}

    def cell_with(self, key: str) -> CellEntry:
        """By its key or the beginning of it; of those that share a picture the first.

        Raises UsageError where there is none, or several pictures' keys begin so.
        """
        number = self._by_short_key.get(key[: self.key_length])
        if number is not None and self.cells[number].key.startswith(key):
            return self.cells[number]
        found = {cell.key: cell for cell in self.cells if key and cell.key.startswith(key)}
        if len(found) != 1:
            raise UsageError(f"there is no picture {key!r}; look with `compare board`")
        return next(iter(found.values()))

    @functools.cached_property
    def run_labels(self) -> Mapping[str, str]:
        """What tells the runs apart, by their names: a title of settings; the name itself where nothing does.

        Runs without pictures are called alike, by as few arguments more as they need.
        """
        telling = [axis.name for axis in self.axes if axis.kind == TRAINING]
        named = {run.name: self._label(run, telling) for run in self.runs}
        shown = {self.checkpoints[number].run for number in set(self.owner)}
        taken = {named[name] for name in shown}
        for run in self.runs:
            if run.name not in shown:
                names = list(telling)
                more = (name for name in self._differing if name not in telling)
                while (not named[run.name] or named[run.name] in taken) and (name := next(more, "")):
                    names.append(name)
                    named[run.name] = self._label(run, names)
                taken.add(named[run.name])
        return {name: label or name for name, label in named.items()}

    @functools.cached_property
    def prompts(self) -> Mapping[str, str]:
        """Prompts with `{trigger}` or wildcards in them, all of whose pictures were rendered with the same words."""
        found: dict[str, set[str]] = {}
        for cell in self.cells:
            found.setdefault(cell.prompt, set()).add(cell.text)
        return {asked: text for asked, (text, *more) in found.items() if text not in ("", asked) and not more}

    def _label(self, run: Run, names: Iterable[str]) -> str:
        if not run.arguments:
            return ""
        return BETWEEN.join(_said(name, self._told(run, name)) for name in names)

    def _told(self, run: Run, name: str) -> Any:
        """The run's value of a training axis."""
        if name == DATA:
            return self._data.get(run.name)
        value = _plain(run.arguments.get(name))
        return self._models.get(value, value) if name in FILES else value

    @functools.cached_property
    def _data(self) -> Mapping[str, str]:
        return data_of(self.runs)

    @functools.cached_property
    def _models(self) -> Mapping[Any, str]:
        """The names of all models that runs were trained with."""
        return shown_models(
            str(run.arguments[name]) for run in self.runs for name in FILES if run.arguments.get(name)
        )

    @functools.cached_property
    def _differing(self) -> list[str]:
        """In what any of the runs differ."""
        known = [run for run in self.runs if run.arguments]
        names = sorted({name for run in known for name in run.arguments} - NOT_AN_AXIS - set(AXES))
        return [n for n in (*names, DATA) if len({repr(self._told(run, n)) for run in known}) > 1]


def read_board(version: Version) -> Board:
    """From the index, the run folders and their files; as before while none of them has changed.

    A cell whose checkpoint is gone is left out.
    """
    return _read(version, stamp_of(version))


def cell_with(version: Version, key: str) -> CellEntry:
    """As `Board.cell_with`; for dozens of pictures a second it looks for changes once a second alone."""
    with contextlib.suppress(UsageError):
        return _read(version, _stamp_of_second(version, int(time.monotonic()))).cell_with(key)
    return read_board(version).cell_with(key)


@functools.lru_cache(maxsize=3)
def _stamp_of_second(version: Version, _second: int) -> tuple[Any, ...]:
    return stamp_of(version)


@functools.lru_cache(maxsize=3)
def _read(version: Version, _stamp: tuple[Any, ...]) -> Board:
    return make_board(
        find_runs(version), find_checkpoints(version), _cells(version, stamp_of_file(index_file(version)))
    )


@functools.lru_cache(maxsize=3)
def _cells(version: Version, _stamp: tuple[int, ...]) -> tuple[CellEntry, ...]:
    """Checkpoints come more often than pictures: the index, a line for each picture, isn't read anew for them."""
    return read_index(version).cells


def stamp_of(version: Version) -> tuple[Any, ...]:
    """What changes when a preview or a checkpoint is written: both replace files, which their folders note."""
    return tuple(_changed(path) for path in (index_file(version), *folders_in(version.trains)))


def _changed(path: Path) -> tuple[str, int, int]:
    try:
        status = path.stat()
    except OSError:
        return path.name, 0, 0
    return path.name, status.st_mtime_ns, status.st_size


def make_board(runs: Sequence[Run], checkpoints: Sequence[Checkpoint], found: Iterable[CellEntry]) -> Board:
    number_of = {(c.run, c.file): number for number, c in enumerate(checkpoints)}
    cells, owner = [], array("l")
    for cell in found:
        number = number_of.get((cell.run, cell.checkpoint))
        if number is not None:
            cells.append(cell)
            owner.append(number)
    training = _training_axes(runs, checkpoints, owner)
    axes = [*training, *_checkpoint_axes(checkpoints, owner, training), *_picture_axes(cells)]
    several = tuple(axis for axis in axes if len(axis.values) > 1)
    return Board(tuple(checkpoints), tuple(runs), tuple(cells), owner, several, _common(cells, several))


def _common(cells: Sequence[CellEntry], axes: Sequence[Axis]) -> dict[str, Any]:
    """What all pictures share."""
    varied = {axis.name for axis in axes}
    if {"weight_unet", "weight_te"} & varied:
        varied.add("weight")
    if not cells:
        return {}
    first = {name: getattr(cells[0], name) for name in AXES if name not in varied}
    common = {name: value for name, value in first.items() if value is not None}
    if BASE_MODEL in common:
        common[BASE_MODEL] = shown_models([common[BASE_MODEL]])[common[BASE_MODEL]]
    return common


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
        if name in FILES:
            models = shown_models(str(value) for value in of_run.values() if value)
            of_run = {run: models.get(value, value) for run, value in of_run.items()}
        if len(set(map(repr, of_run.values()))) > 1 and name not in AXES:
            values = {number: of_run[checkpoints[number].run] for number in set(owner)}
            axes.append(_of_checkpoints(name, TRAINING, values, owner))
    data = data_of(runs)
    values = {number: data.get(checkpoints[number].run) for number in set(owner)}
    return [*axes, _of_checkpoints(DATA, TRAINING, values, owner)]


def data_of(runs: Sequence[Run]) -> dict[str, str]:
    """By run the day and time from which on its data were trained: what tells runs before and after a change apart."""
    first: dict[str, float] = {}
    for run in sorted(runs, key=lambda run: run.created):
        if run.data:
            first.setdefault(run.data, run.created)
    for form in ("%Y-%m-%d %H:%M", "%Y-%m-%d %H:%M:%S", "%Y-%m-%d %H:%M:%S.%f"):
        said = {data: dt.datetime.fromtimestamp(at).strftime(form) for data, at in first.items()}
        if len(set(said.values())) == len(said):
            break
    return {run.name: said[run.data] for run in runs if run.data}


def _checkpoint_axes(
    checkpoints: Sequence[Checkpoint], owner: Sequence[int], training: Sequence[Axis]
) -> list[Axis]:
    """Run and epoch, and what else is needed to tell checkpoints apart. Runs are in the order of their arguments."""
    shown = sorted(set(owner))
    rank = {
        checkpoints[number].run: (tuple(axis.column[cell] for axis in training), checkpoints[number].run)
        for cell, number in enumerate(owner)
    }

    def axis(name: str, attribute: str, order: Callable[[Any], Any] | None = None) -> Axis:
        values = {number: getattr(checkpoints[number], attribute) for number in shown}
        return _of_checkpoints(name, CHECKPOINT, values, owner, order)

    axes = [axis(RUN, "run", rank.__getitem__), axis(EPOCH, "epoch")]
    if not _tell_apart(axes, owner):
        # Between epochs (save_every_n_steps), or of files that say nothing.
        by_step = axis(STEP, "step")
        axes.append(by_step if _tell_apart([*axes, by_step], owner) else axis(FILE, "file"))
    return axes


def _tell_apart(axes: Sequence[Axis], owner: Sequence[int]) -> bool:
    return len(set(zip(*(axis.column for axis in axes), strict=True))) == len(set(owner))


def _of_checkpoints(
    name: str,
    kind: str,
    values: Mapping[int, Any],
    owner: Sequence[int],
    order: Callable[[Any], Any] | None = None,
) -> Axis:
    """`values` by the checkpoint's number."""
    table = sorted(set(values.values()), key=order or _order)
    place = {value: number for number, value in enumerate(table)}
    of_checkpoint = {number: place[value] for number, value in values.items()}
    return Axis(name, kind, tuple(table), array("l", [of_checkpoint[number] for number in owner]))


def _picture_axes(cells: Sequence[CellEntry]) -> list[Axis]:
    axes = []
    for found in axes_of(cells):
        if found.name not in (RUN, EPOCH):
            place = {value: number for number, value in enumerate(found.values)}
            column = array("l", [place[getattr(cell, found.name)] for cell in cells])
            values = found.values
            if found.name == BASE_MODEL:
                values = tuple(shown_models(values).values())
            if found.name == VAE:
                values = tuple(value or "–" for value in values)
            axes.append(Axis(found.name, PICTURE, values, column))
    return axes


def value_text(value: Any) -> str:
    """A value as it is shown and asked for."""
    if value is None:
        return "none"
    return f"{value:.10g}" if isinstance(value, float) else str(value)


def _said(name: str, value: Any) -> str:
    """A text speaks for itself, a number doesn't."""
    if isinstance(value, str) and not value[:1].isdigit():
        return value
    return title_of({name: value})


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
