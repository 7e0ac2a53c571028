"""Cells as a preview would ask for them, and what became of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from train_tools.preview.cells import Cell, Checkpoint, Drawn, Recipe, Run
from train_tools.preview.renderer import SD_SCRIPTS, Outcome
from train_tools.preview.through_sd_scripts.renderer import SdScriptsRenderer

PLAIN = Recipe(
    lora="", weight_unet=0.0, weight_te=0.0, block_weights="", base="base", prompt="zorb, a red circle",
    negative_prompt="blue", seed=1, sampler="Euler", scheduler="Simple", steps=4, cfg_scale=3.0, clip_skip=1,
    width=64, height=64, renderer=SD_SCRIPTS,
)  # fmt: skip


def cell(checkpoint: Checkpoint, **changes: Any) -> Cell:
    """`weight` is that of the transformer and of the text encoders."""
    weight = changes.pop("weight", None)
    if weight is not None:
        changes |= {"weight_unet": weight, "weight_te": weight}
    vae = changes.pop("vae", None)
    recipe = Recipe(**{**{name: getattr(PLAIN, name) for name in PLAIN.__dataclass_fields__}, **changes})
    base = checkpoint.run.base_model
    drawn = Drawn(SD_SCRIPTS, "", base, vae)
    asked = (recipe.prompt, recipe.negative_prompt)
    return Cell(checkpoint, recipe, base, asked, recipe.block_weights, Path("cell.png"), drawn, recipe.key)


def checkpoint(run: Run, path: Path) -> Checkpoint:
    return Checkpoint(run, path, 1, "of no hash")


@dataclass
class Drawer:
    """Draws, and keeps the pictures as arrays."""

    log: Path
    outcomes: list[Outcome] = field(default_factory=list)

    def draw(self, cells: Sequence[Cell]) -> list[np.ndarray[Any, Any]]:
        """In the order of `cells`, with an error where one isn't there."""
        found = {id(outcome.cell): outcome for outcome in self.tried(cells)}
        ordered = [found[id(cell)] for cell in cells]
        assert [outcome.error for outcome in ordered] == [""] * len(cells)
        return [np.asarray(outcome.picture) for outcome in ordered]

    def tried(self, cells: Sequence[Cell]) -> list[Outcome]:
        outcomes: list[Outcome] = []
        SdScriptsRenderer(self.log).render(cells, outcomes.append)
        assert len(outcomes) == len(cells)
        return outcomes

    def errors(self, cells: Sequence[Cell]) -> list[str]:
        found = {id(outcome.cell): outcome.error for outcome in self.tried(cells)}
        return [found[id(cell)] for cell in cells]
