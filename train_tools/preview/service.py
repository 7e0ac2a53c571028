"""Renders what is missing of a version's preview and draws its sheets."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

from PIL import Image
from PIL.PngImagePlugin import PngInfo

from train_tools.errors import UsageError
from train_tools.workspace.files import write_json
from train_tools.workspace.workspace import Version

from .cells import Cell, Checkpoint, Run, cells_of, find_checkpoints, find_runs, infotext, size
from .pictures import save
from .settings import PreviewSettings
from .sheet import Sheet, draw

# Arguments that name a run's own files; they differ between all runs and say nothing about them.
NOT_AN_AXIS = {"output_dir", "output_name", "logging_dir", "training_comment", "log_prefix"}
Report = Callable[[int, int], None]
Rendered = Sequence[tuple[Checkpoint, list[Cell]]]


@dataclass(frozen=True)
class PreviewResult:
    """What a preview made: a grid for each checkpoint, a sheet across all runs."""

    grids: list[Path]
    sheet: Path
    rendered: int  # cells
    kept: int  # cells that an earlier preview had made already


def preview(version: Version, settings: PreviewSettings, report: Report) -> PreviewResult:
    """Renders all checkpoints of all runs; `report(done, of)` follows the cells.

    Raises UsageError where there is nothing to render.
    """
    checkpoints = [c for run in find_runs(version) for c in find_checkpoints(run)]
    if not checkpoints:
        raise UsageError(
            f"{version.project}/{version.name} has no checkpoint to preview; train first: "
            f"train {version.project} {version.name}"
        )
    rows = [(checkpoint, cells_of(checkpoint, settings)) for checkpoint in checkpoints]
    cells = [cell for _, row in rows for cell in row]
    missing = [cell for cell in cells if not cell.path.is_file()]
    _render(missing, settings, report)
    name = hashlib.sha256(json.dumps(asdict(settings), sort_keys=True).encode()).hexdigest()[:8]
    grids = [_checkpoint_grid(*row, settings, name) for row in rows]
    sheet = _sheet_across(version, rows, settings, name)
    _write_index(version, rows, settings, sheet)
    return PreviewResult(grids, sheet, len(missing), len(cells) - len(missing))


def _render(missing: list[Cell], settings: PreviewSettings, report: Report) -> None:
    """Cells that share base model, size and clip skip are rendered together, weight 0 once for all."""
    if not missing:
        return
    from train_tools.base_model.load import load

    from .batches import render_group

    done = 0

    def finished(cell: Cell, picture: Image.Image) -> None:
        nonlocal done
        _write_cell(cell, picture, settings)
        done += 1
        report(done, len(missing))

    def same(cell: Cell) -> tuple[str, tuple[int, int], int]:
        run = cell.checkpoint.run
        return str(run.base_model), size(run, settings), run.clip_skip

    for (base_model, _, _), group in groupby(sorted(missing, key=same), key=same):
        render_group(load(Path(base_model)), list(group), settings, finished)


def _write_cell(cell: Cell, picture: Image.Image, settings: PreviewSettings) -> None:
    info = PngInfo()
    info.add_itxt("parameters", infotext(cell, settings))
    save(picture, cell.path, info)


def _checkpoint_grid(checkpoint: Checkpoint, cells: list[Cell], settings: PreviewSettings, name: str) -> Path:
    """LoRA weight x prompt of one checkpoint, where sd-webui-train-tools puts it."""
    rows = [list(row) for _, row in groupby(cells, key=lambda cell: cell.prompt)]
    sheet = Sheet(
        title=f"{checkpoint.path.stem} · epoch {checkpoint.epoch} · {checkpoint.run.folder.name}",
        column_labels=[f"LoRA weight {weight:g}" for weight in settings.weights],
        row_labels=[row[0].prompt for row in rows],
        rows=[[_open(cell.path) for cell in row] for row in rows],
    )
    path = checkpoint.images / f"xyz_grid-{name}.png"
    save(draw(sheet), path)
    return path


def _sheet_across(version: Version, rendered: Rendered, settings: PreviewSettings, name: str) -> Path:
    """All runs at one glance: a row for each prompt and run, a column for each epoch, at the largest weight."""
    runs: list[Run] = []
    for checkpoint, _ in rendered:
        if checkpoint.run not in runs:
            runs.append(checkpoint.run)
    labels = run_labels(runs)
    epochs = sorted({checkpoint.epoch for checkpoint, _ in rendered})
    weight = max(settings.weights)
    found = {
        (cell.checkpoint.run.folder, cell.checkpoint.epoch, number // len(settings.weights)): cell.path
        for checkpoint, cells in rendered
        for number, cell in enumerate(cells)
        if cell.weight == weight
    }
    row_labels, rows = [], []
    for number, prompt in enumerate(settings.prompts):
        for run, label in zip(runs, labels, strict=True):
            row_labels.append(f"{label}\n{prompt.replace('{trigger}', run.trigger)}")
            paths = [found.get((run.folder, epoch, number)) for epoch in epochs]
            rows.append([_open(path) if path else None for path in paths])
    title = f"{version.project} {version.name} · LoRA weight {weight:g} · seed {settings.seed}"
    path = version.folder / "previews" / f"sheet-{name}.png"
    save(draw(Sheet(title, [f"epoch {epoch}" for epoch in epochs], row_labels, rows)), path)
    return path


def run_labels(runs: list[Run]) -> list[str]:
    """What tells the runs apart: the arguments that differ between them, e.g. `optimizer_type Lion`."""
    names = sorted({name for run in runs for name in run.arguments} - NOT_AN_AXIS)
    axes = [n for n in names if len({repr(run.arguments.get(n)) for run in runs}) > 1]
    return ["\n".join(f"{n} {_text(run.arguments.get(n))}" for n in axes) or run.folder.name for run in runs]


def _text(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def _open(path: Path) -> Image.Image:
    with Image.open(path) as image:
        return image.convert("RGB")


def _write_index(version: Version, rendered: Rendered, settings: PreviewSettings, sheet: Path) -> None:
    """`previews.json`: which picture shows what, relative to the version's folder."""
    rows = [
        {
            "run": checkpoint.run.folder.name,
            "checkpoint": checkpoint.path.name,
            "epoch": checkpoint.epoch,
            "prompt": cell.prompt,
            "weight": cell.weight,
            "image": cell.path.relative_to(version.folder).as_posix(),
        }
        for checkpoint, cells in rendered
        for cell in cells
    ]
    document = {
        "settings": asdict(settings),
        "sheet": sheet.relative_to(version.folder).as_posix(),
        "cells": rows,
    }
    write_json(version.folder / "previews" / "previews.json", document)
