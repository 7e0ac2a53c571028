"""The renderer `host`: each cell through a webui's own txt2img, asked by its bridge."""

from __future__ import annotations

import io
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from PIL import Image

from train_tools.errors import TrainToolsError

from . import block_weights
from .cells import Cell
from .infotext import infotext
from .renderer import Bridge, Finished, Outcome


class HostRenderer:
    name = "host"

    def __init__(self, bridge: Bridge) -> None:
        self._bridge = bridge

    def check(self, cells: Sequence[Cell]) -> None:
        """The webui knows what it has, and says so for each cell."""

    def render(self, cells: Sequence[Cell], finished: Finished) -> None:
        """One base model after the other, and one checkpoint after the other: changing them is what takes long."""
        ordered = sorted(
            cells,
            key=lambda c: (
                str(c.base_model),
                c.recipe.has_lora,
                str(c.checkpoint.path),
                c.recipe.block_weights,
            ),
        )
        with tempfile.TemporaryDirectory(prefix="train-tools-preview-") as folder:
            weighted = _Weighted(Path(folder))
            for number, cell in enumerate(ordered, start=1):
                finished(self._outcome(cell, weighted.file_of, is_last=number == len(ordered)))

    def _outcome(self, cell: Cell, file_of: Callable[[Cell], Path], *, is_last: bool) -> Outcome:
        try:
            png = self._bridge.render(request_of(cell, file_of, is_last=is_last))
            with Image.open(io.BytesIO(png)) as image:
                text = str(image.info.get("parameters", ""))
                return Outcome(cell, image.convert("RGB"), named(text, cell))
        except TrainToolsError as error:
            return Outcome(cell, None, error=str(error))
        except OSError as error:
            return Outcome(cell, None, error=f"the webui sent no picture ({error}); look into its log")


def request_of(cell: Cell, file_of: Callable[[Cell], Path], *, is_last: bool) -> dict[str, Any]:
    """As `hosts.webui_render.RenderRequest` reads it."""
    recipe = cell.recipe
    return {
        "base_model": str(cell.base_model.absolute()),
        "lora": str(file_of(cell).absolute()) if recipe.has_lora else None,
        "weight_unet": recipe.weight_unet,
        "weight_te": recipe.weight_te,
        "prompt": recipe.prompt,
        "negative_prompt": recipe.negative_prompt,
        "seed": recipe.seed,
        "steps": recipe.steps,
        "cfg_scale": recipe.cfg_scale,
        "sampler": recipe.sampler,
        "scheduler": recipe.scheduler,
        "clip_skip": recipe.clip_skip,
        "width": recipe.width,
        "height": recipe.height,
        "last": is_last,
    }


def named(text: str, cell: Cell) -> str:
    """The webui's infotext with our first line: there the LoRA has the name under which it was rendered."""
    own = infotext(cell).split("\n")
    theirs = text.split("\n")
    # What we know better is the prompt with the checkpoint's own name; the last line is the webui's.
    last = [pair for pair in _pairs(theirs[-1]) if not pair.startswith(("Lora hashes:", "TI hashes:"))]
    hashes = [pair for pair in _pairs(own[-1]) if pair.startswith("Lora hashes:")]
    return "\n".join([*own[:-1], ", ".join([*last, *hashes])])


def _pairs(line: str) -> list[str]:
    """`a: 1, b: "x, y"` -> its pairs; commas in quotes don't count."""
    pairs, quoted = [""], False
    for place, character in enumerate(line):
        if character == '"' and line[place - 1] != "\\":
            quoted = not quoted
        if character == "," and not quoted:
            pairs.append("")
        else:
            pairs[-1] += character
    return [pair.strip() for pair in pairs if pair.strip()]


class _Weighted:
    """LoRA files with block weights in them, so that a webui needs no extension for these."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._made: dict[tuple[Path, str], Path] = {}

    def file_of(self, cell: Cell) -> Path:
        """Raises TrainToolsError where the checkpoint can't be read."""
        text = cell.recipe.block_weights
        if not text:
            return cell.checkpoint.path
        key = (cell.checkpoint.path, text)
        if key not in self._made:
            self._made[key] = self._make(cell, self._folder / f"{len(self._made)}.safetensors")
        return self._made[key]

    def _make(self, cell: Cell, path: Path) -> Path:
        from train_tools.lora import kohya

        blocks = block_weights.parse(cell.recipe.block_weights)
        file = kohya.read(cell.checkpoint.path)
        tensors = {
            name: tensor * block_weights.factor(blocks, name.split(".", 1)[0]) if _is_up(name) else tensor
            for name, tensor in file.tensors.items()
        }
        modules = {name.split(".", 1)[0] for name in file.tensors}
        if sum(_is_up(name) for name in file.tensors) != len(modules):
            raise TrainToolsError(
                f"{cell.checkpoint.path.name} is no plain LoRA; block weights can't be put into it"
            )
        kohya.write(path, tensors, file.metadata)
        return path


def _is_up(name: str) -> bool:
    return name.endswith(".lora_up.weight")
