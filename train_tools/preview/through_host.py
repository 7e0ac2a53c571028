"""The renderer `host`: each cell through a webui's own txt2img, asked by its bridge."""

from __future__ import annotations

import io
import tempfile
from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import Any

from PIL import Image

from train_tools.errors import TrainToolsError
from train_tools.families import block_weights
from train_tools.families.detect import detect
from train_tools.hosts.interface import HostGoneError, ModelRefusedError

from .base_facts import facts_of
from .cells import Cell
from .infotext import TO_KEEP, infotext, layers_field, pairs_of
from .renderer import HOST, Bridge, Finished, Outcome, RefusedBaseError

TOLD = ("guidance", "shift")  # fields of a recipe that only some models are told


class HostRenderer:
    name = HOST

    def __init__(self, bridge: Bridge, settled: Collection[Path] = (), may_lack: Sequence[str] = ()) -> None:
        """`settled` are base models that nothing else can draw on, `may_lack` fields of recipes that nobody set."""
        self._bridge = bridge
        self._may_lack = may_lack
        self._drawn = set(settled)  # and those on which there was a picture

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
            png = self._asked(cell, request_of(cell, file_of, is_last=is_last, may_lack=self._may_lack))
            with Image.open(io.BytesIO(png)) as image:
                theirs, told = (str(image.info.get(key, "")) for key in ("parameters", "train-tools"))
                text = named(theirs, cell) + layers_field(told)
                outcome = Outcome(cell, image.convert("RGB"), text)
        except HostGoneError:
            raise
        except TrainToolsError as error:
            return Outcome(cell, None, error=str(error))
        except OSError as error:
            return Outcome(cell, None, error=f"the webui sent no picture ({error}); look into its log")
        self._drawn.add(cell.base_model)
        return outcome

    def _asked(self, cell: Cell, request: dict[str, Any]) -> bytes:
        """The first picture on a base model is tried twice where nothing but the model can be what fails."""
        is_first = not cell.recipe.has_lora and cell.base_model not in self._drawn
        for attempt in range(2):
            try:
                return self._bridge.render(request)
            except HostGoneError:
                raise
            except ModelRefusedError as error:
                raise RefusedBaseError(cell, str(error), is_sure=True) from error
            except TrainToolsError as error:
                if not is_first:
                    raise
                if attempt:
                    raise RefusedBaseError(cell, str(error), is_sure=False) from error
        raise AssertionError


def request_of(
    cell: Cell, file_of: Callable[[Cell], Path], *, is_last: bool, may_lack: Sequence[str] = ()
) -> dict[str, Any]:
    """As `hosts.webui_picture.RenderRequest` reads it."""
    recipe = cell.recipe
    told = {name: value for name in TOLD if (value := getattr(recipe, name)) is not None}
    found = facts_of(cell.base_model).found
    if recipe.prediction == "v" or found.predicts_velocity:
        told |= {"prediction": "v", "zero_snr": bool(recipe.zero_snr or found.zero_snr)}
    return {
        "base_model": str(cell.drawn.model.absolute()),
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
        **told,
        **({"may_lack": lacking} if (lacking := [name for name in may_lack if name in told]) else {}),
        **({} if cell.drawn.vae is None else {"vae": cell.drawn.vae}),
        **({} if cell.drawn.modules is None else {"modules": list(cell.drawn.modules)}),
    }


def named(text: str, cell: Cell) -> str:
    """The webui's infotext with our first line: there the LoRA has the name under which it was rendered."""
    own = infotext(cell).split("\n")
    theirs = text.split("\n")
    # What we know better is the prompt with the checkpoint's own name; the last line is the webui's.
    last = [pair for pair in pairs_of(theirs[-1]) if not pair.startswith(("Lora hashes:", "TI hashes:"))]
    more = [pair for pair in pairs_of(own[-1]) if pair.startswith(("Lora hashes:", f"{TO_KEEP}:"))]
    return "\n".join([*own[:-1], ", ".join([*last, *more])])


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
        from train_tools.lora.weighting import weighted

        family = detect(cell.base_model).family
        blocks = block_weights.parse(cell.recipe.block_weights, family.network.blocks if family else None)
        file = kohya.read(cell.checkpoint.path)
        kohya.write(path, weighted(file, lambda name: block_weights.factor(blocks, name)), file.metadata)
        return path
