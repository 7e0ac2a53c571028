"""Draws cells on one base model: first all their texts, then cell after cell, as a GPU has no room for all at once.

Runs in sd-scripts' interpreter.
"""

from __future__ import annotations

import base64
import gc
import io
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from PIL import Image

from train_tools.errors import is_out_of_memory
from train_tools.families.drawing import Drawing, Picture, Text
from train_tools.preview.through_sd_scripts.network import LoraFile, Network, UnfitError

Answer = Callable[[Mapping[str, Any]], None]
NO_ROOM = "there isn't enough memory for one picture of this size; choose a smaller one"
NO_ROOM_TO_LOAD = (
    "there isn't enough memory to load this base model; set blocks_to_swap or fp8_base in its runs, or close what uses "
    "the GPU"
)
NO_NUMBERS = (
    "the picture came out without numbers (NaN): {} is too coarse for this model; "
    "train it with mixed_precision=bf16"
)


class OutOfMemoryError(Exception):
    """While something was loaded; a sentence."""


@dataclass(frozen=True)
class Cell:
    """As the renderer asks for it. `lora` is a file, "" none; `module` is the network module that wrote it."""

    number: int
    picture: Picture
    prompt: str
    negative_prompt: str
    lora: str = ""
    module: str = ""
    weight_unet: float = 0.0
    weight_te: float = 0.0


@dataclass(frozen=True)
class TextKey:
    """What an encoded text depends on."""

    text: str
    is_negative: bool
    lora: str = ""
    weight: float = 0.0


def cell_of(told: Mapping[str, Any]) -> Cell:
    return Cell(**{**told, "picture": Picture(**told["picture"])})


class Studio:
    """`answer` is given what became of each cell: its number, and a PNG in Base64 or an error."""

    def __init__(self, drawing: Drawing, device: torch.device, dtype: str, answer: Answer) -> None:
        self._drawing = drawing
        self._device = device
        self._dtype = dtype
        self._answer = answer
        self._texts: dict[TextKey, Text] = {}
        self._files: dict[str, LoraFile] = {}
        self._transformer: Any = None
        self._vae: Any = None
        self._network: Network | None = None
        self._on = ""  # the file that is on the transformer

    @torch.no_grad()
    def draw(self, cells: Sequence[Cell]) -> None:
        """One file after the other. Raises OutOfMemoryError where the models themselves don't fit."""
        ordered = sorted(cells, key=lambda cell: (cell.lora, cell.number))
        fit = [cell for cell in ordered if self._read(cell)]
        fit = self._encode(fit)
        undeveloped = []
        for cell in fit:
            latents = self._denoised(cell)
            if latents is not None and not self._develop(cell, latents, last_try=False):
                undeveloped.append((cell, latents.cpu()))
        if undeveloped:
            self._clear()
        for cell, latents in undeveloped:
            self._develop(cell, latents, last_try=True)

    def _read(self, cell: Cell) -> bool:
        if cell.lora and cell.lora not in self._files:
            try:
                self._files[cell.lora] = LoraFile(cell.lora, cell.module)
            except UnfitError as error:
                self._fail(cell, str(error))
                return False
        return True

    # Texts

    def _encode(self, cells: Sequence[Cell]) -> list[Cell]:
        """Those whose texts are there now."""
        unfit: dict[str, str] = {}
        wanted = dict.fromkeys(key for cell in cells for key in self._keys(cell) if key not in self._texts)
        if wanted:
            self._clear()  # the text encoders take the place of the transformer
            with loading():
                encoders = self._drawing.text_encoders()
            for lora in dict.fromkeys(key.lora for key in wanted):
                keys = [key for key in wanted if key.lora == lora]
                try:
                    self._encode_with(lora, encoders, keys)
                except UnfitError as error:
                    unfit[lora] = str(error)
            del encoders
            free()
        for cell in cells:
            if cell.lora in unfit and self._keys(cell)[0].lora:
                self._fail(cell, unfit[cell.lora])
        return [cell for cell in cells if all(key in self._texts for key in self._keys(cell))]

    def _encode_with(self, lora: str, encoders: list[Any], keys: Sequence[TextKey]) -> None:
        network = Network(self._files[lora], self._device, encoders=encoders) if lora else None
        try:
            for key in keys:
                if network is not None:
                    network.weigh(key.weight)
                with loading():
                    encode = self._drawing.encode_negative if key.is_negative else self._drawing.encode
                    self._texts[key] = encode(encoders, key.text)
        finally:
            if network is not None:
                network.take_off()

    def _keys(self, cell: Cell) -> list[TextKey]:
        """The prompt's, and the negative prompt's where one counts."""
        changes = bool(cell.lora and cell.weight_te and self._files[cell.lora].has_texts)
        by = (cell.lora, cell.weight_te) if changes else ("", 0.0)
        keys = [TextKey(cell.prompt, False, *by)]
        return [*keys, TextKey(cell.negative_prompt, True, *by)] if cell.picture.is_guided else keys

    # Pictures

    def _denoised(self, cell: Cell) -> torch.Tensor | None:
        try:
            self._prepare(cell)
            text, *negative = (self._texts[key] for key in self._keys(cell))
            latents = self._drawing.denoise(
                self._transformer, cell.picture, text, negative[0] if negative else None
            )
        except UnfitError as error:
            self._fail(cell, str(error))
        except OutOfMemoryError:
            raise
        except Exception as error:
            self._failed(cell, error)
        else:
            if latents.isfinite().all():
                return latents
            self._fail(cell, NO_NUMBERS.format(self._dtype))
        return None

    def _prepare(self, cell: Cell) -> None:
        """The transformer with the cell's LoRA on it; of the same file only the weight changes."""
        if self._transformer is None:
            with loading():
                self._transformer = self._drawing.transformer()
        wanted = cell.lora if cell.weight_unet else ""
        if wanted != self._on:
            self._take_off()
        if wanted and self._network is None:
            self._network = Network(self._files[wanted], self._device, transformer=self._transformer)
            self._on = wanted
        if self._network is not None:
            self._network.weigh(cell.weight_unet)

    def _take_off(self) -> None:
        if self._network is not None:
            self._network.take_off()
        self._network, self._on = None, ""

    def _develop(self, cell: Cell, latents: torch.Tensor, *, last_try: bool) -> bool:
        """Latents become the cell's picture. False where the transformer leaves no room for that."""
        try:
            if self._vae is None:
                self._vae = self._drawing.vae()
            pixels = self._drawing.decode(self._vae, latents)
        except Exception as error:
            if is_out_of_memory(error) and not last_try:
                free()
                return False
            self._failed(cell, error)
            return True
        if pixels.isfinite().all():
            self._answer({"cell": cell.number, "png": png_of(pixels)})
        else:
            self._fail(cell, NO_NUMBERS.format(self._dtype))
        return True

    def _clear(self) -> None:
        """The transformer leaves the memory."""
        self._take_off()
        self._transformer = None
        free()

    def _failed(self, cell: Cell, error: Exception) -> None:
        traceback.print_exception(type(error), error, error.__traceback__)
        if is_out_of_memory(error):
            self._fail(cell, NO_ROOM)
            error.__traceback__ = None  # which keeps what filled the memory
            free()
        else:
            self._fail(cell, f"sd-scripts couldn't draw it ({type(error).__name__}: {first_line(error)})")

    def _fail(self, cell: Cell, error: str) -> None:
        self._answer({"cell": cell.number, "error": error})


@contextmanager
def loading() -> Iterator[None]:
    try:
        yield
    except (RuntimeError, MemoryError) as error:
        if is_out_of_memory(error):
            raise OutOfMemoryError(NO_ROOM_TO_LOAD) from error
        raise


def first_line(error: Exception) -> str:
    return str(error).strip().split("\n", 1)[0]


def free() -> None:
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()


def png_of(pixels: torch.Tensor) -> str:
    """(3, height, width) from -1 to 1, as a PNG in Base64."""
    values = ((pixels.clamp(-1, 1) + 1) * 127.5).round().to(torch.uint8)
    data = io.BytesIO()
    Image.fromarray(values.permute(1, 2, 0).contiguous().numpy()).save(data, "PNG", compress_level=1)
    return base64.b64encode(data.getvalue()).decode("ascii")
