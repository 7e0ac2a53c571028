"""The renderer `diffusers`: cells in the fewest batches that memory allows, without a webui.

A batch has one base model, size, sampler, scheduler, number of steps and clip skip. Checkpoints, weights, prompts,
seeds and guidance may differ in it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby
from pathlib import Path

import psutil
import torch
from PIL import Image

from train_tools.errors import TrainToolsError
from train_tools.families.loading import load
from train_tools.families.stable_diffusion.base import BaseModel
from train_tools.lora import kohya
from train_tools.lora.kohya import LoraFile
from train_tools.lora.targets import text_targets, unet_targets

from . import block_weights, samplers
from .cells import Cell, Checkpoint
from .infotext import infotext, is_hash
from .render import Frame, Request, render_base, render_loras
from .renderer import PACKED, Finished, Outcome

# Values that the UNet holds at once for each of its widest activations' values, with guidance; measured high.
VALUES_AT_ONCE = 64
SHARE_OF_MEMORY = 0.6
Part = tuple[list[Cell], LoraFile | None]  # cells of one checkpoint, or without LoRA


class PackedRenderer:
    name = PACKED

    def __init__(self, batch_cells: int) -> None:
        self._batch_cells = batch_cells

    def render(self, cells: Sequence[Cell], finished: Finished) -> None:
        ordered = sorted(
            cells, key=lambda cell: (str(cell.base_model), cell.drawn.vae or "", _frame_key(cell))
        )
        for (path, vae), of_model in groupby(ordered, key=lambda cell: (cell.base_model, cell.drawn.vae)):
            group = list(of_model)
            try:
                base = load(path, vae=Path(vae) if vae else None)
            except TrainToolsError as error:
                _fail(group, str(error), finished)
                continue
            to_device(base)
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
        self._limit = min(batch_cells, cells_in_memory(base, self._frame))
        self._targets = unet_targets(base.unet) + [
            one for text in base.text_encoders for one in text_targets(text)
        ]

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
        for rows in lora_batches(by_checkpoint, self._limit):
            if parts := [part for row in rows if (part := self._with_file(row))]:
                self._batch(parts)
        return None

    def _with_file(self, row: list[Cell]) -> Part | None:
        try:
            return row, self._read(row[0].checkpoint)
        except TrainToolsError as error:
            _fail(row, str(error), self._finished)
            return None

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
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
        halves = halved(parts)
        if len(halves) == 1:
            _fail(parts[0][0], reason, self._finished)
            return
        for half in halves:
            self._batch(half)

    def _pictures(self, parts: list[Part]) -> list[Image.Image]:
        requests = [[_request(cell) for cell in row] for row, _ in parts]
        files = [file for _, file in parts if file is not None]
        if files:
            return render_loras(self._base, files, requests, self._frame)
        return render_base(self._base, [request for row in requests for request in row], self._frame)

    def _read(self, checkpoint: Checkpoint) -> LoraFile:
        file = kohya.read(checkpoint.path)
        kohya.rank_and_alpha(file)
        kohya.check_fits(file, self._targets)
        if is_hash(checkpoint.identity) and file.metadata.get("sshs_model_hash") != checkpoint.identity:
            raise TrainToolsError(f"{checkpoint.path.name} was replaced meanwhile; run `preview` again")
        return file


def _request(cell: Cell) -> Request:
    recipe = cell.recipe
    blocks = block_weights.parse(recipe.block_weights) if recipe.block_weights else ()
    return Request(
        recipe.prompt, recipe.negative_prompt, recipe.seed, recipe.cfg_scale, recipe.weight_unet, recipe.weight_te,
        blocks,
    )  # fmt: skip


def _frame_key(cell: Cell) -> tuple[int, int, int, str, str, int]:
    recipe = cell.recipe
    return recipe.width, recipe.height, recipe.clip_skip, recipe.sampler, recipe.scheduler, recipe.steps


def _fail(cells: Sequence[Cell], error: str, finished: Finished) -> None:
    for cell in cells:
        finished(Outcome(cell, None, error=error))


def to_device(base: BaseModel) -> None:
    """To the GPU in half precision, where there is one."""
    if torch.cuda.is_available():
        # The decoder overflows in half precision on some models.
        base.to(torch.device("cuda"), torch.float16, vae_dtype=torch.float32)


def cells_in_memory(base: BaseModel, frame: Frame) -> int:
    """How many cells fit in what is free now, at least 1."""
    if base.unet.device.type == "cuda":
        free = torch.cuda.mem_get_info(base.unet.device)[0]
    else:
        free = psutil.virtual_memory().available
    widest = base.unet.config["block_out_channels"][0] * (frame.width // 8) * (frame.height // 8)
    each = 2 * widest * VALUES_AT_ONCE * base.unet.dtype.itemsize
    return max(1, int(free * SHARE_OF_MEMORY / each))


def is_out_of_memory(error: Exception) -> bool:
    """torch tells it in several ways: an error of its own on GPUs, words on the CPU."""
    if isinstance(error, (MemoryError, torch.cuda.OutOfMemoryError)):
        return True
    return isinstance(error, RuntimeError) and (
        "out of memory" in str(error) or "allocate memory" in str(error)
    )


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
