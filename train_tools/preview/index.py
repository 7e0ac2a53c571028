"""`previews/previews.json`: which picture of a version shows what. All boards and sheets can be rebuilt from it.

It holds every cell that previews have rendered so far, whatever their settings were; `axes` tells in what they
differ. The file is JSON in schema 2, in UTF-8, one cell a line:

    {"schema": 2, "made": 1765432100.5, "settings": {…}, "notes": ["…"],
     "runs": [{"name": …, "label": …, "base_model": …, "trigger": …, "differs": {…}}, …],
     "common": {"sampler": "DDIM", …},        fields that are the same in all cells, told once
     "cells": [{"key": …, "run": …, …}, …],   the other fields of `CellEntry`
     "sheets": [{"file": …, …}, …]}           `SheetEntry`

`made` is in seconds since 1970, `settings` are those of the last preview. Pictures and sheets are named relative
to the version's folder, with `/`. A cell without LoRA (both weights 0) stands under each checkpoint; its picture
and key are the same for all. A cell that failed has an `error` and no `image`; it is tried again by the next preview.
"""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from functools import cached_property
from pathlib import Path
from typing import Any

from train_tools.errors import TrainToolsError, UsageError
from train_tools.workspace.files import read_json, write_text
from train_tools.workspace.lock import writing
from train_tools.workspace.workspace import Version

SCHEMA = 2
WAIT_S = 60.0  # for another process that writes into the version; what is rendered shouldn't be lost to it
# In the order in which they are shown; "weight" stands for both weights where no cell has them apart.
AXES = (
    "run", "epoch", "base_model", "prompt", "negative_prompt", "weight", "weight_unet", "weight_te",
    "block_weights", "seed", "sampler", "scheduler", "steps", "cfg_scale", "guidance", "shift", "rescale",
    "clip_skip", "size", "renderer", "vae",
)  # fmt: skip


@dataclass(frozen=True)
class CellEntry:
    """One cell. `prompt` is as it was asked for, with `{trigger}` and wildcards; `text` as it was rendered.

    `run` is the name of the run's folder, `checkpoint` that of its file. `key` names all that the picture depends
    on. `clip_skip` is 1 for the last layer. Sizes are in pixels. `base_model` is a path. `step` is 0 where it isn't
    known. `host` is what drew it, with its version, `because` why that one; `vae` names VAE and text encoders that
    aren't the base model's own. These three are empty where an earlier program wrote the entry. `guidance`, `shift` and
    `rescale` are as in `cells.Recipe`.
    """

    key: str
    run: str
    checkpoint: str
    epoch: int
    weight_unet: float
    weight_te: float
    block_weights: str
    base_model: str
    prompt: str
    text: str
    negative_prompt: str
    seed: int
    sampler: str
    scheduler: str
    steps: int
    cfg_scale: float
    clip_skip: int
    width: int
    height: int
    renderer: str
    image: str = ""
    error: str = ""
    step: int = 0
    host: str = ""
    vae: str = ""
    because: str = ""
    guidance: float | None = None
    shift: float | None = None
    rescale: float = 0.0

    @property
    def weight(self) -> float | str:
        """The LoRA weight; where UNet and text encoder have their own, both in words."""
        if self.weight_unet == self.weight_te:
            return self.weight_unet
        return f"UNet {self.weight_unet:g}, TE {self.weight_te:g}"

    @property
    def size(self) -> str:
        return f"{self.width}x{self.height}"

    @property
    def place(self) -> tuple[str, ...]:
        """Where it stands; a cell is replaced by one in the same place."""
        return self.run, self.checkpoint, self.key, self.prompt, self.negative_prompt, self.block_weights


@dataclass(frozen=True)
class RunEntry:
    """A run that has cells. `differs` are its arguments that other runs have otherwise; `label` says them in lines."""

    name: str
    label: str
    base_model: str
    trigger: str
    differs: Mapping[str, Any]


@dataclass(frozen=True)
class SheetEntry:
    """A sheet and what it shows: `cells[row][column]` are keys, None where the place is empty.

    `checkpoint` and `run` are empty for a sheet across the runs. `page` names the values that all its cells share of
    the axes that are neither columns nor rows. `difference` says that it shows differences to weight 0.
    """

    file: str
    run: str
    checkpoint: str
    title: str
    page: Mapping[str, str]
    columns: tuple[str, ...]
    rows: tuple[str, ...]
    cells: tuple[tuple[str | None, ...], ...]
    difference: bool = False


@dataclass(frozen=True)
class Axis:
    """A field in which cells differ, with its values in order."""

    name: str
    values: tuple[Any, ...]


@dataclass(frozen=True)
class Index:
    made: float = 0.0
    settings: Mapping[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    runs: tuple[RunEntry, ...] = ()
    cells: tuple[CellEntry, ...] = ()
    sheets: tuple[SheetEntry, ...] = ()

    @cached_property
    def axes(self) -> tuple[Axis, ...]:
        """In what the cells differ: numbers ascend, texts stand as they came."""
        return axes_of(self.cells)


def axes_of(cells: Sequence[CellEntry]) -> tuple[Axis, ...]:
    is_apart = any(cell.weight_unet != cell.weight_te for cell in cells)
    unwanted = {"weight"} if is_apart else {"weight_unet", "weight_te"}
    axes = []
    for name in AXES:
        values = list(dict.fromkeys(getattr(cell, name) for cell in cells))
        if len(values) > 1 and name not in unwanted:
            is_number = all(isinstance(value, (int, float)) for value in values)
            axes.append(Axis(name, tuple(sorted(values) if is_number else values)))
    return tuple(axes)


def index_file(version: Version) -> Path:
    return version.folder / "previews" / "previews.json"


def read_index(version: Version) -> Index:
    """Empty where nothing was rendered yet, or only by a program before schema 2.

    Raises TrainToolsError where the file is damaged, UsageError where a newer program wrote it.
    """
    try:
        data = read_json(index_file(version))
    except FileNotFoundError:
        return Index()
    try:
        schema = data.get("schema", 1)
        if schema > SCHEMA:
            raise UsageError(f"{index_file(version)} was written by a newer Train Tools; update Train Tools")
        return _index(data) if schema == SCHEMA else Index()
    except (AttributeError, KeyError, TypeError) as error:
        raise TrainToolsError(
            f"{index_file(version)} is damaged ({error}); move it away and run `preview` again: pictures are kept"
        ) from error


def _index(data: Mapping[str, Any]) -> Index:
    common = data["common"]
    known = {f.name for f in fields(CellEntry)}
    cells = tuple(
        CellEntry(**{name: value for name, value in {**common, **cell}.items() if name in known})
        for cell in data["cells"]
    )
    sheets = tuple(
        SheetEntry(
            **{
                **sheet,
                "columns": tuple(sheet["columns"]),
                "rows": tuple(sheet["rows"]),
                "cells": tuple(map(tuple, sheet["cells"])),
            }
        )
        for sheet in data["sheets"]
    )
    runs = tuple(RunEntry(**run) for run in data["runs"])
    return Index(data["made"], data["settings"], tuple(data["notes"]), runs, cells, sheets)


def write_index(version: Version, index: Index) -> None:
    """Replaces the file; whoever calls holds the version (`changing`)."""
    write_text(index_file(version), as_text(index))


def as_text(index: Index) -> str:
    names = [f.name for f in fields(CellEntry)]
    cells = [{name: getattr(cell, name) for name in names} for cell in index.cells]
    common = _common(cells)
    lines = [_json({name: value for name, value in cell.items() if name not in common}) for cell in cells]
    parts = {
        "schema": _json(SCHEMA),
        "made": _json(round(index.made or time.time(), 3)),
        "settings": _json(index.settings),
        "notes": _json(index.notes),
        "runs": _lines([_json(asdict(run)) for run in index.runs]),
        "common": _json(common),
        "cells": _lines(lines),
        "sheets": _lines([_json(asdict(sheet)) for sheet in index.sheets]),
    }
    return "{\n" + ",\n".join(f'"{name}": {text}' for name, text in parts.items()) + "\n}\n"


def _common(cells: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """What all cells say alike; nothing where there is only one, so that a line says something."""
    if len(cells) < 2:
        return {}
    first = cells[0]
    return {name: value for name, value in first.items() if all(cell[name] == value for cell in cells)}


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def _lines(items: Sequence[str]) -> str:
    return "[\n" + ",\n".join(items) + "\n]" if items else "[]"


@contextlib.contextmanager
def changing(version: Version) -> Iterator[Index]:
    """The index as it is now, held for writing; waits up to WAIT_S for another writer.

    Raises UsageError where that takes longer.
    """
    until = time.monotonic() + WAIT_S
    with contextlib.ExitStack() as stack:
        while True:
            try:
                stack.enter_context(writing(version, "writing the index of previews"))
                break
            except UsageError:
                if time.monotonic() > until or not version.folder.is_dir():
                    raise
                time.sleep(0.2)
        yield read_index(version)
