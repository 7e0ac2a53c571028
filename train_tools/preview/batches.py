"""Splits cells into the fewest batches that memory allows, and hands the finished ones on."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import groupby

import torch
from PIL import Image

from train_tools.base_model.load import BaseModel
from train_tools.lora import kohya

from .cells import Cell, size
from .render import Frame, Request, render_base, render_loras
from .settings import PreviewSettings


def render_group(
    base: BaseModel,
    cells: list[Cell],
    settings: PreviewSettings,
    finished: Callable[[Cell, Image.Image], None],
) -> None:
    """Renders cells of one base model, size and clip skip; `finished` gets each with its picture."""
    to_device(base)
    run = cells[0].checkpoint.run
    width, height = size(run, settings)
    frame = Frame(width, height, run.clip_skip, settings)
    _render_base_cells(base, [c for c in cells if not c.weight], frame, finished)
    for group in lora_batches([c for c in cells if c.weight], settings.batch_cells):
        files = [kohya.read(row[0].checkpoint.path) for row in group]
        requests = [[Request(cell.prompt, cell.weight) for cell in row] for row in group]
        pictures = render_loras(base, files, requests, frame)
        for cell, picture in zip((cell for row in group for cell in row), pictures, strict=True):
            finished(cell, picture)


def to_device(base: BaseModel) -> None:
    """To the GPU in half precision, where there is one."""
    if torch.cuda.is_available():
        base.to(torch.device("cuda"), torch.float16)
        # Stable Diffusion 1's decoder overflows in half precision on some models.
        base.vae.float()


def _render_base_cells(
    base: BaseModel, cells: list[Cell], frame: Frame, finished: Callable[[Cell, Image.Image], None]
) -> None:
    """Cells at weight 0 are one picture for all checkpoints, so each key is rendered once."""
    by_key: dict[str, list[Cell]] = {}
    for cell in cells:
        by_key.setdefault(cell.key, []).append(cell)
    rows = list(by_key.values())
    for start in range(0, len(rows), frame.settings.batch_cells):
        part = rows[start : start + frame.settings.batch_cells]
        pictures = render_base(base, [Request(row[0].prompt, 0.0) for row in part], frame)
        for row, picture in zip(part, pictures, strict=True):
            for cell in row:
                finished(cell, picture)


def lora_batches(cells: list[Cell], limit: int) -> Iterator[list[list[Cell]]]:
    """Batches of at most `limit` cells: a row for each checkpoint, all rows of a batch equally long.

    A single checkpoint with more cells than `limit` is split.
    """
    rows: list[list[Cell]] = []
    for _, group in groupby(cells, key=lambda cell: cell.checkpoint.path):
        own = list(group)
        rows += [own[start : start + limit] for start in range(0, len(own), limit)]
    rows.sort(key=len, reverse=True)
    for length, same in groupby(rows, key=len):
        equal = list(same)
        at_once = max(1, limit // length)
        for start in range(0, len(equal), at_once):
            yield equal[start : start + at_once]
