"""What a preview consists of: checkpoints, and a cell for each LoRA weight and prompt of each."""

from __future__ import annotations

import functools
import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from train_tools.dataset.training import training_images
from train_tools.lora.safetensors_header import read_header
from train_tools.workspace.run_folder import read_arguments
from train_tools.workspace.workspace import Version

from .settings import PreviewSettings


@dataclass(frozen=True)
class Run:
    """A run folder with what its run.toml says."""

    folder: Path
    arguments: dict[str, Any]

    @property
    def base_model(self) -> Path:
        return Path(str(self.arguments["pretrained_model_name_or_path"]))

    @property
    def clip_skip(self) -> int:
        return int(self.arguments.get("clip_skip") or 1)

    @property
    def resolution(self) -> tuple[int, int]:
        """Width and height in pixels."""
        sizes = [int(part) for part in str(self.arguments.get("resolution") or 512).split(",")]
        return sizes[0], sizes[-1]

    @functools.cached_property
    def trigger(self) -> str:
        """The concept of the first repeat folder that the run was trained on; "" where that is gone."""
        images = training_images(Path(str(self.arguments.get("train_data_dir", ""))))
        return images[0].concept if images else ""


@dataclass(frozen=True)
class Checkpoint:
    """A LoRA file of a run. `identity` changes whenever its content does."""

    run: Run
    path: Path
    epoch: int
    identity: str

    @property
    def images(self) -> Path:
        """Where its preview cells and grids lie."""
        return self.path.with_suffix("") / "images"


@dataclass(frozen=True)
class Cell:
    """One picture; `key` names everything it depends on."""

    checkpoint: Checkpoint
    prompt: str
    weight: float
    key: str
    path: Path


def find_runs(version: Version) -> list[Run]:
    """The runs that tell what they were trained on; a run without run.toml can't be rendered faithfully."""
    folders = sorted(p.parent for p in version.trains.glob("*/run.toml"))
    return [Run(folder, read_arguments(folder)) for folder in folders]


def find_checkpoints(run: Run) -> list[Checkpoint]:
    """The run's checkpoints by epoch."""
    found = []
    for path in run.folder.glob("*.safetensors"):
        if path.name.startswith("."):
            continue
        metadata = read_header(path).metadata
        identity = metadata.get("sshs_model_hash") or f"{path.stat().st_size}-{path.stat().st_mtime_ns}"
        found.append(Checkpoint(run, path, int(metadata.get("ss_epoch") or 0), identity))
    return sorted(found, key=lambda c: (c.epoch, c.path.name))


def size(run: Run, settings: PreviewSettings) -> tuple[int, int]:
    """Width and height of a cell, multiples of 8 as the VAE needs them."""
    width, height = run.resolution
    wanted = settings.width or width, settings.height or height
    return wanted[0] // 8 * 8, wanted[1] // 8 * 8


def cells_of(checkpoint: Checkpoint, settings: PreviewSettings) -> list[Cell]:
    """Prompt by prompt, each with all weights."""
    word = checkpoint.run.trigger
    return [
        _cell(checkpoint, prompt.replace("{trigger}", word), weight, settings)
        for prompt in settings.prompts
        for weight in settings.weights
    ]


def _cell(checkpoint: Checkpoint, prompt: str, weight: float, settings: PreviewSettings) -> Cell:
    depends = {
        # At weight 0 a LoRA changes nothing: such cells are the same for all checkpoints.
        "lora": checkpoint.identity if weight else "",
        "weight": weight,
        "base": str(checkpoint.run.base_model),
        "clip_skip": checkpoint.run.clip_skip,
        "prompt": prompt,
        "size": size(checkpoint.run, settings),
        **{
            name: getattr(settings, name)
            for name in ("negative_prompt", "seed", "steps", "cfg_scale", "sampler")
        },
    }
    key = hashlib.sha256(json.dumps(depends, sort_keys=True).encode()).hexdigest()[:16]
    return Cell(checkpoint, prompt, weight, key, checkpoint.images / f"cell-{key}.png")


def infotext(cell: Cell, settings: PreviewSettings) -> str:
    """The generation parameters as the webui's *PNG Info* reads them."""
    width, height = size(cell.checkpoint.run, settings)
    lora = f"<lora:{cell.checkpoint.path.stem}:{cell.weight:g}>" if cell.weight else ""
    lines = [f"{cell.prompt} {lora}".strip()]
    if settings.negative_prompt:
        lines.append(f"Negative prompt: {settings.negative_prompt}")
    skip = f", Clip skip: {cell.checkpoint.run.clip_skip}" if cell.checkpoint.run.clip_skip > 1 else ""
    lines.append(
        f"Steps: {settings.steps}, Sampler: {settings.sampler}, CFG scale: {settings.cfg_scale:g}, "
        f"Seed: {settings.seed}, Size: {width}x{height}, Model: {cell.checkpoint.run.base_model.stem}{skip}"
    )
    return "\n".join(lines)
