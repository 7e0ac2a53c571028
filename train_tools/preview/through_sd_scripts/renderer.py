"""The renderer `sd-scripts`: cells drawn by a process in sd-scripts' environment, one base model after the other.

The process loads a base model once, with the files, the precision and the swapped blocks that the run was trained with:
what trained on this machine is drawn on it.
"""

from __future__ import annotations

import base64
import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image

from train_tools.engines.sd_scripts.engine import HOW_TO_GET_IT
from train_tools.engines.sd_scripts.family import FAMILY
from train_tools.environment.sd_scripts_place import sd_scripts_folder
from train_tools.errors import TrainToolsError
from train_tools.families.detect import detect, told
from train_tools.families.interface import BASE, Family, Found
from train_tools.lora.safetensors_header import read_header
from train_tools.preview.cells import Cell
from train_tools.preview.infotext import infotext, is_hash
from train_tools.preview.renderer import SD_SCRIPTS, Finished, Outcome

from .client import Client
from .support import vae_argument, why_not

# What of a run's arguments its pictures, or the room that they need, depend on; and its files.
READ = (
    "mixed_precision", "fp8_base", "fp8_base_unet", "fp8_scaled", "fp8_vl", "blocks_to_swap", "attn_mode", "split_attn",
    "xformers", "apply_t5_attn_mask", "apply_lg_attn_mask", "t5xxl_max_token_length", "gemma2_max_token_length",
    "qwen3_max_token_length", "t5_max_token_length", "system_prompt", "enable_scaled_pos_embed", "tokenizer_cache_dir",
    "vae_chunk_size", "vae_disable_cache", "text_encoder_cpu",
)  # fmt: skip


@dataclass(frozen=True)
class Place:
    """What one process draws: cells of one base model with the same arguments."""

    family: Family
    base: Path
    arguments: Mapping[str, Any]

    @property
    def key(self) -> str:
        return repr([str(self.base), self.family.name, sorted(self.arguments.items())])


class SdScriptsRenderer:
    name = SD_SCRIPTS

    def __init__(self, log: Path) -> None:
        """`log` takes what sd-scripts prints, which is much, of the last time."""
        self._log = log

    def render(self, cells: Sequence[Cell], finished: Finished) -> None:
        self._log.unlink(missing_ok=True)
        places: dict[tuple[object, ...], Place | str] = {}
        groups: dict[str, tuple[Place, list[Cell]]] = {}
        for cell in cells:
            asked = _asked(cell)
            place = places[asked] if asked in places else places.setdefault(asked, _place_of(cell))
            if isinstance(place, str):
                finished(Outcome(cell, None, error=place))
            else:
                groups.setdefault(place.key, (place, []))[1].append(cell)
        for _, (place, group) in sorted(groups.items()):
            _Group(place, group, finished).render(self._log)


class _Group:
    """Cells of one process. Each is answered once, whatever becomes of the process."""

    def __init__(self, place: Place, cells: Sequence[Cell], finished: Finished) -> None:
        self._place = place
        self._finished = finished
        self._open = dict(enumerate(cells))

    def render(self, log: Path) -> None:
        asked = [
            request for number, cell in [*self._open.items()] if (request := self._request(number, cell))
        ]
        if not asked:
            return
        try:
            checkout = _checkout()
            with Client(checkout, log) as client:
                client.ask(
                    do="load", family=self._place.family.name,
                    arguments={BASE: str(self._place.base), **self._place.arguments},
                )  # fmt: skip
                client.ask(do="draw", cells=asked)
                self._take(client.answers())
        except TrainToolsError as error:
            for number in [*self._open]:
                self._fail(number, str(error))

    def _take(self, answers: Iterator[Mapping[str, Any]]) -> None:
        for answer in answers:
            if "drawn" in answer:
                return
            if "refused" in answer:
                raise TrainToolsError(answer["refused"])
            number = int(answer["cell"])
            if "error" in answer:
                self._fail(number, answer["error"])
            elif cell := self._open.pop(number, None):
                with Image.open(io.BytesIO(base64.b64decode(answer["png"]))) as image:
                    self._finished(Outcome(cell, image.convert("RGB"), infotext(cell)))

    def _fail(self, number: int, error: str) -> None:
        if cell := self._open.pop(number, None):
            self._finished(Outcome(cell, None, error=error))

    def _request(self, number: int, cell: Cell) -> dict[str, Any] | None:
        recipe = cell.recipe
        try:
            _check(cell, self._place.family)
            lora = _lora(cell, self._place.family) if recipe.has_lora else {}
        except TrainToolsError as error:
            self._fail(number, str(error))
            return None
        return {
            "number": number,
            "prompt": recipe.prompt,
            "negative_prompt": recipe.negative_prompt,
            "picture": {
                "width": recipe.width,
                "height": recipe.height,
                "seed": recipe.seed,
                "steps": recipe.steps,
                "cfg_scale": recipe.cfg_scale,
                "guidance": recipe.guidance,
                "shift": recipe.shift,
            },
            **lora,
        }


def _asked(cell: Cell) -> tuple[object, ...]:
    """What its place depends on, of which thousands of cells have few."""
    recipe = cell.recipe
    return cell.checkpoint.run.folder, cell.drawn.model, cell.drawn.vae, recipe.sampler, recipe.scheduler


def _place_of(cell: Cell) -> Place | str:
    """Where it is drawn, or why it can't be."""
    arguments, recipe = cell.checkpoint.run.arguments, cell.recipe
    base = cell.drawn.model.absolute()
    found = told(detect(base), str(arguments.get(FAMILY) or ""))
    if found.family is not None and cell.drawn.vae:
        arguments = {**arguments, vae_argument(found.family): cell.drawn.vae}
    if error := why_not(found, arguments, recipe.sampler, recipe.scheduler):
        return error
    assert found.family is not None
    return Place(found.family, base, _read(found, arguments))


def _read(found: Found, arguments: Mapping[str, Any]) -> dict[str, Any]:
    assert found.family is not None
    training = found.family.training
    files = [name for name in (*training.required, *training.optional) if name != BASE]
    read = {name: arguments[name] for name in READ if arguments.get(name)}
    return read | {name: str(Path(str(arguments[name])).absolute()) for name in files if arguments.get(name)}


def _check(cell: Cell, family: Family) -> None:
    """Raises TrainToolsError."""
    recipe, step = cell.recipe, family.pictures.step
    if recipe.width % step or recipe.height % step:
        raise TrainToolsError(
            f"{recipe.width}x{recipe.height} can't be drawn with {family.title}: both sides must be multiples of {step}"
        )
    if recipe.has_lora and recipe.block_weights:
        raise TrainToolsError(
            f"block weights are for the blocks of a UNet, which {family.title} hasn't; take block_weights out"
        )


def _lora(cell: Cell, family: Family) -> dict[str, Any]:
    """Raises TrainToolsError."""
    checkpoint, recipe = cell.checkpoint, cell.recipe
    metadata = read_header(checkpoint.path).metadata
    if is_hash(checkpoint.identity) and metadata.get("sshs_model_hash") != checkpoint.identity:
        raise TrainToolsError(f"{checkpoint.path.name} was replaced meanwhile; run `preview` again")
    usual = family.training.network_modules[0]
    module = metadata.get("ss_network_module") or checkpoint.run.arguments.get("network_module") or usual
    return {
        "lora": str(checkpoint.path.absolute()),
        "module": str(module),
        "weight_unet": recipe.weight_unet,
        "weight_te": recipe.weight_te,
    }


def _checkout() -> Path:
    """Raises TrainToolsError."""
    folder = sd_scripts_folder()
    if folder is None:
        raise TrainToolsError(f"sd-scripts isn't there any more; {HOW_TO_GET_IT}")
    return folder
