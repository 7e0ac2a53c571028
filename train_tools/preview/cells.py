"""What a preview consists of: runs, their checkpoints, and cells."""

from __future__ import annotations

import functools
import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from train_tools.arguments.sizes import largest_of
from train_tools.dataset.training import training_images
from train_tools.errors import TrainToolsError, UsageError
from train_tools.families.interface import BASE, Prediction
from train_tools.lora.safetensors_header import read_header
from train_tools.workspace.run_folder import read_arguments
from train_tools.workspace.workspace import Version

EPOCH_IN_NAME = re.compile(r"-(\d{6})$")  # as sd-scripts names checkpoints before the last


@dataclass(frozen=True)
class Run:
    """A run folder with what its run.toml says."""

    folder: Path
    arguments: dict[str, Any]

    @property
    def base_model(self) -> Path:
        """Raises UsageError where the run came from elsewhere and doesn't say it."""
        if not self.arguments.get(BASE):
            raise UsageError(f"the run {self.folder.name} doesn't say its base model; set base_models")
        return Path(str(self.arguments[BASE]))

    @property
    def clip_skip(self) -> int:
        return int(self.arguments.get("clip_skip") or 1)

    @property
    def resolution(self) -> tuple[int, int]:
        """Width and height in pixels, of several the largest."""
        return largest_of(self.arguments.get("resolution") or 512)

    @functools.cached_property
    def trigger(self) -> str:
        """The concept of the first repeat folder that the run was trained on; "" where that is gone."""
        images = training_images(Path(str(self.arguments.get("train_data_dir", ""))))
        return images[0].concept if images else ""


@dataclass(frozen=True)
class Checkpoint:
    """A LoRA file of a run. `identity` changes whenever its content does; `model_hash` is its base model's SHA-256.

    A file that can't be read has an `error`.
    """

    run: Run
    path: Path
    epoch: int
    identity: str
    model_hash: str = ""
    step: int = 0
    error: str = ""

    @property
    def images(self) -> Path:
        """Where its preview cells and grids lie."""
        return self.path.with_suffix("") / "images"


@dataclass(frozen=True)
class Recipe:
    """Everything that a picture depends on. `lora` and `base` are identities of contents; "" is no LoRA.

    `prompt` is as rendered. Weights of 0 make all checkpoints' pictures the same. `force` is what else was in force,
    as JSON: the host with its version, VAE and text encoders, options that aren't at their default; "" is nothing.
    `guidance` is what a distilled model is told, `shift` moves a flow's noise levels, `rescale` the guidance rescale,
    as in `families.interface.Pictures`. `prediction` and `zero_snr` are what is known of the base model beyond its
    file, "" and None: what its file says. `texts` says how prompts are read, where that isn't as it has always been.
    """

    lora: str
    weight_unet: float
    weight_te: float
    block_weights: str
    base: str
    prompt: str
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
    force: str = ""
    guidance: float | None = None
    shift: float | None = None
    rescale: float = 0.0
    prediction: Prediction = ""
    zero_snr: bool | None = None
    texts: str = ""

    def depends(self) -> dict[str, Any]:
        """What its key is made of: the pictures of before a field was added keep theirs."""
        # Not by asdict, which copies deeply: there are tens of thousands.
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        return {name: value for name, value in values.items() if name not in ADDED or value != ADDED[name]}

    @functools.cached_property
    def key(self) -> str:
        return key_of(self.depends())

    @property
    def has_lora(self) -> bool:
        return bool(self.weight_unet or self.weight_te)


# Fields that a recipe got later, with the values that leave its key as it was.
ADDED: Mapping[str, Any] = {
    "guidance": None,
    "shift": None,
    "rescale": 0.0,
    "prediction": "",
    "zero_snr": None,
    "texts": "",
}


def key_of(depends: Mapping[str, Any]) -> str:
    text = json.dumps(depends, sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


@dataclass(frozen=True)
class Drawn:
    """How the pictures on a base model are drawn. `renderer` is one of `renderer.NAMES`, `because` says why this one.

    `error` says why none can draw them. `model` is the base model's path as that renderer knows it. `vae` is a file,
    "" the model's own, None what the host has chosen; `modules` are text encoders, likewise. `force` is of Recipe;
    `host` and `vae_name` say it for people.
    """

    renderer: str
    because: str
    model: Path
    vae: str | None = None
    modules: tuple[str, ...] | None = None
    force: str = ""
    host: str = ""
    vae_name: str = ""
    error: str = ""


@dataclass(frozen=True)
class Cell:
    """One place of a sheet: a checkpoint at a recipe. `asked` are its prompts before trigger and wildcards.

    `block_weights` are its place's; a picture without LoRA doesn't depend on them. `drawn` says by what it is drawn.
    `key` is the recipe's, or the one that the picture got from an earlier program.

    Cells without LoRA share one picture, so that several have the same `path`.
    """

    checkpoint: Checkpoint
    recipe: Recipe
    base_model: Path
    asked: tuple[str, str]  # prompt, negative prompt
    block_weights: str
    path: Path
    drawn: Drawn
    key: str


def find_runs(version: Version) -> list[Run]:
    """The runs that tell what they were trained on; a run without run.toml can't be rendered faithfully."""
    folders = sorted(p.parent for p in version.trains.glob("*/run.toml"))
    return [Run(folder, read_arguments(folder)) for folder in folders]


def find_checkpoints(run: Run) -> list[Checkpoint]:
    """The run's checkpoints by epoch, damaged ones among them."""
    paths = [path for path in run.folder.glob("*.safetensors") if not path.name.startswith(".")]
    return sorted((_checkpoint(run, path) for path in paths), key=lambda c: (c.epoch, c.step, c.path.name))


def _checkpoint(run: Run, path: Path) -> Checkpoint:
    try:
        metadata = read_header(path).metadata
        status = path.stat()
    except (TrainToolsError, OSError) as error:
        found = EPOCH_IN_NAME.search(path.stem)
        # The last checkpoint's name holds no epoch.
        epoch = int(found[1]) if found else int(run.arguments.get("max_train_epochs") or 0)
        return Checkpoint(run, path, epoch, f"damaged {path.name}", error=str(error))
    identity = metadata.get("sshs_model_hash") or f"{status.st_size}-{status.st_mtime_ns}"
    return Checkpoint(
        run, path, _number(metadata.get("ss_epoch")), identity, metadata.get("ss_new_sd_model_hash", ""),
        _number(metadata.get("ss_steps")),
    )  # fmt: skip


def _number(text: str | None) -> int:
    """Metadata are texts; `None` among them."""
    return int(text) if text and text.isdigit() else 0


def words_of(cell: Cell) -> str:
    """What a cell shows, for a line of progress."""
    recipe = cell.recipe
    if not recipe.has_lora:
        return f"without LoRA: {recipe.prompt}"
    weight = f"{recipe.weight_unet:g}"
    if recipe.weight_unet != recipe.weight_te:
        weight = f"UNet {recipe.weight_unet:g}, TE {recipe.weight_te:g}"
    return f"{cell.checkpoint.path.stem} at {weight}: {recipe.prompt}"
