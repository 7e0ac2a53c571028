"""The renderer `diffusers`: cells in the fewest batches that memory allows, without a webui.

A batch has one base model, size, sampler, scheduler, number of steps and clip skip. Checkpoints, weights, prompts,
seeds and guidance may differ in it; of a checkpoint that isn't two factors beside each layer, it has one at one weight.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

import torch
from PIL import Image

from train_tools.errors import TrainToolsError, is_out_of_memory
from train_tools.families import block_weights
from train_tools.families.block_weights import Blocks26
from train_tools.families.loading import load
from train_tools.families.stable_diffusion import memory
from train_tools.families.stable_diffusion.base import BaseModel
from train_tools.lora.fit import Fitted, is_plain
from train_tools.lora.safetensors_header import read_header

from . import samplers
from .cells import Cell
from .checkpoint_files import read_fitted
from .infotext import infotext
from .render import Frame, Request, lora_layers, render_base, render_fitted
from .renderer import PACKED, Finished, Outcome

Part = tuple[list[Cell], Fitted | None]  # cells of one checkpoint, or without LoRA


class PackedRenderer:
    name = PACKED

    def __init__(self, batch_cells: int) -> None:
        self._batch_cells = batch_cells

    def render(self, cells: Sequence[Cell], finished: Finished) -> None:
        ordered = sorted(cells, key=_base_key)
        for _, of_model in groupby(ordered, key=_base_key):
            group = sorted(of_model, key=_frame_key)
            first = group[0]
            try:
                base = loaded(
                    first.base_model,
                    vae=Path(first.drawn.vae) if first.drawn.vae else None,
                    prediction=first.recipe.prediction,
                    zero_snr=first.recipe.zero_snr,
                )
            except TrainToolsError as error:
                _fail(group, str(error), finished)
                continue
            for _, same in groupby(group, key=_frame_key):
                _Group(base, list(same), self._batch_cells, finished).render()
            del base


class _Group:
    """Cells that may share a batch."""

    def __init__(self, base: BaseModel, cells: list[Cell], batch_cells: int, finished: Finished) -> None:
        recipe = cells[0].recipe
        self._base = base
        self._cells = cells
        self._finished = finished
        self._frame = Frame(
            recipe.width, recipe.height, recipe.clip_skip, recipe.sampler, recipe.scheduler, recipe.steps
        )
        self._limit = min(batch_cells, memory.cells_in_memory(base.unet, recipe.width, recipe.height))
        self._layers = lora_layers(base)
        self._latest: Fitted | None = None

    def render(self) -> None:
        try:
            samplers.check(self._frame.sampler, self._frame.scheduler)
        except TrainToolsError as error:
            return _fail(self._cells, str(error), self._finished)
        alone = [[cell] for cell in self._cells if not cell.recipe.has_lora]
        for start in range(0, len(alone), self._limit):
            self._batch([(row, None) for row in alone[start : start + self._limit]])
        by_checkpoint = sorted(
            (cell for cell in self._cells if cell.recipe.has_lora), key=lambda cell: str(cell.checkpoint.path)
        )
        plain: list[Cell] = []
        others: list[Cell] = []
        for path, group in groupby(by_checkpoint, key=lambda cell: cell.checkpoint.path):
            (plain if _is_plain(path) else others).extend(group)
        for rows in lora_batches(plain, self._limit):
            if parts := [part for row in rows if (part := self._with_file(row))]:
                self._batch(parts)
        for row in merged_batches(others, self._limit):
            if part := self._with_file(row):
                self._batch([part])
        return None

    def _with_file(self, row: list[Cell]) -> Part | None:
        checkpoint = row[0].checkpoint
        if self._latest is None or self._latest.file.path != checkpoint.path:
            self._latest = None  # it may be as large as the base model
            try:
                self._latest = read_fitted(checkpoint, self._base.family, self._layers)
            except TrainToolsError as error:
                _fail(row, str(error), self._finished)
                return None
        return row, self._latest

    def _batch(self, parts: list[Part]) -> None:
        """In halves where memory runs out, or where one of the pictures fails."""
        try:
            pictures = self._pictures(parts)
        except (TrainToolsError, MemoryError, RuntimeError) as error:
            reason = str(error)
            if is_out_of_memory(error):
                reason = "there isn't enough memory for one picture of this size; choose a smaller one"
                self._limit = max(1, self._limit // 2)
            elif not isinstance(error, TrainToolsError):
                raise
        else:
            for cell, picture in zip((cell for row, _ in parts for cell in row), pictures, strict=True):
                self._finished(Outcome(cell, picture, infotext(cell)))
            return
        # Not inside `except`: the error keeps what filled the memory.
        memory.emptied()
        halves = halved(parts)
        if len(halves) == 1:
            _fail(parts[0][0], reason, self._finished)
            return
        for half in halves:
            self._batch(half)

    def _pictures(self, parts: list[Part]) -> list[Image.Image]:
        requests = [[self._request(cell) for cell in row] for row, _ in parts]
        files = [file for _, file in parts if file is not None]
        if files:
            return render_fitted(self._base, files, requests, self._frame)
        return render_base(self._base, [request for row in requests for request in row], self._frame)

    def _request(self, cell: Cell) -> Request:
        recipe = cell.recipe
        blocks: Blocks26 = ()
        if recipe.block_weights:
            blocks = block_weights.parse(recipe.block_weights, self._base.family.network.blocks)
        return Request(
            recipe.prompt, recipe.negative_prompt, recipe.seed, recipe.cfg_scale, recipe.weight_unet,
            recipe.weight_te, blocks, rescale=recipe.rescale,
        )  # fmt: skip


def _is_plain(path: Path) -> bool:
    """By its names alone. One that can't be read says so when it is."""
    try:
        return is_plain(read_header(path).tensors)
    except TrainToolsError:
        return True


def _base_key(cell: Cell) -> tuple[str, ...]:
    recipe = cell.recipe
    return str(cell.base_model), cell.drawn.vae or "", recipe.prediction, str(recipe.zero_snr)


def _frame_key(cell: Cell) -> tuple[int, int, int, str, str, int]:
    recipe = cell.recipe
    return recipe.width, recipe.height, recipe.clip_skip, recipe.sampler, recipe.scheduler, recipe.steps


def _fail(cells: Sequence[Cell], error: str, finished: Finished) -> None:
    for cell in cells:
        finished(Outcome(cell, None, error=error))


def loaded(path: Path, **told: Any) -> BaseModel:
    """Where it draws. Raises TrainToolsError where it can't be loaded."""
    try:
        return load(path, **told, **place())
    except (MemoryError, RuntimeError) as error:
        if not is_out_of_memory(error):
            raise
    # Not inside `except`: the error keeps what filled the memory.
    memory.emptied()
    raise TrainToolsError(
        f"there isn't enough memory to draw with {path.name}; close what else uses it, or draw in a webui"
    )


def place() -> dict[str, Any]:
    """Where a model is loaded to draw with: on the GPU in half precision, where there is one.

    Its VAE in full, as decoders overflow in half on some models.
    """
    if not torch.cuda.is_available():
        return {}
    return {"device": torch.device("cuda"), "dtype": torch.float16, "vae_dtype": torch.float32}


def halved(parts: list[Part]) -> list[list[Part]]:
    """Fewer checkpoints at once, then fewer cells of one; a single cell stays alone."""
    if len(parts) > 1:
        middle = len(parts) // 2
        return [parts[:middle], parts[middle:]]
    row, file = parts[0]
    middle = len(row) // 2
    return [[(row[:middle], file)], [(row[middle:], file)]] if middle else [parts]


def lora_batches(cells: Sequence[Cell], limit: int) -> Iterator[list[list[Cell]]]:
    """Batches of at most `limit` cells: a row for each checkpoint, all rows of a batch equally long.

    A single checkpoint with more cells than `limit` is split. `cells` of a checkpoint stand together.
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


def merged_batches(cells: Sequence[Cell], limit: int) -> Iterator[list[Cell]]:
    """Batches of at most `limit` cells of one checkpoint at one weight, which share the weights that it makes."""

    def strength(cell: Cell) -> tuple[str, float, float, str]:
        recipe = cell.recipe
        return str(cell.checkpoint.path), recipe.weight_unet, recipe.weight_te, recipe.block_weights

    for _, group in groupby(sorted(cells, key=strength), key=strength):
        own = list(group)
        for start in range(0, len(own), limit):
            yield own[start : start + limit]
