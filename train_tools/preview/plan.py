"""From settings to cells: all combinations of all axes for each checkpoint that is chosen."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path

from train_tools.errors import UsageError
from train_tools.families import block_weights
from train_tools.workspace.workspace import Version

from .cells import Cell, Checkpoint, Recipe, Run, find_checkpoints, find_runs
from .choice import chosen_checkpoints, chosen_names
from .choosing import Chooser
from .index import AXES
from .prompts import Asked, asked_for, read_as, read_list, resolved
from .settings import PreviewSettings, weights_of
from .ways import Ways

TRAINED = "trained"  # the base model that the run was trained on
BASE_FOLDER = "base-model"  # in previews/: pictures without LoRA


@dataclass(frozen=True)
class Row:
    """A checkpoint with its cells, in the order of the axes."""

    checkpoint: Checkpoint
    cells: tuple[Cell, ...]


@dataclass(frozen=True)
class PreviewPlan:
    rows: tuple[Row, ...]
    notes: tuple[str, ...]

    @property
    def cells(self) -> list[Cell]:
        return [cell for row in self.rows for cell in row.cells]

    def changed(self, change: Callable[[Cell], Cell]) -> PreviewPlan:
        rows = tuple(Row(row.checkpoint, tuple(map(change, row.cells))) for row in self.rows)
        return PreviewPlan(rows, self.notes)


def plan_cells(version: Version, settings: PreviewSettings, chooser: Chooser) -> PreviewPlan:
    """All cells that the settings mean. Raises UsageError where there is nothing to render, or a setting is wrong."""
    runs = {run.folder.name: run for run in find_runs(version)}
    names = chosen_names(list(runs), settings.runs) if runs else []
    found = [find_checkpoints(runs[name]) for name in names]
    if not any(found):
        raise UsageError(
            f"{version.project}/{version.name} has no checkpoint to preview; train first: "
            f"train {version.project} {version.name}"
        )
    chosen = [
        c for row in found for c in chosen_checkpoints(row, [c.epoch for c in row], settings.checkpoints)
    ]
    if not chosen:
        epochs = sorted({checkpoint.epoch for row in found for checkpoint in row})
        raise UsageError(
            f"checkpoints = {settings.checkpoints} means none; there are epochs {', '.join(map(str, epochs))}"
        )
    for text in settings.block_weights:
        block_weights.parse(text)
    for name in settings.sheet_axes:
        if name not in AXES:
            raise UsageError(f"sheet_axes: there is no axis {name!r}; there are: {', '.join(AXES)}")
    asked = asked_for(version, settings)
    chooser.expect(checkpoint.run for checkpoint in chosen)
    maker = _Maker(version, settings, asked, chooser, functools.cache(lambda name: read_list(version, name)))
    plan = PreviewPlan(
        tuple(Row(checkpoint, tuple(maker.cells(checkpoint))) for checkpoint in chosen), asked.notes
    )
    if all(cell.drawn.error for cell in plan.cells):
        chooser.refuse_schedules(dict.fromkeys(cell.base_model for cell in plan.cells))
    return plan


@dataclass(frozen=True)
class _Maker:
    version: Version
    settings: PreviewSettings
    asked: Asked
    chooser: Chooser
    lines_of: Callable[[str], Sequence[str]]  # of a wildcard's list

    def cells(self, checkpoint: Checkpoint) -> Iterator[Cell]:
        run, chosen = checkpoint.run, self.settings
        models = [
            run.base_model if base == TRAINED else Path(base) for base in chosen.base_models or (TRAINED,)
        ]
        for model in models:
            base, drawn = self.chooser.look(model).token, self.chooser.drawn(run, model)
            ways = self.chooser.ways(model)
            combinations = product(
                self.asked.pairs, chosen.seed, ways.made(run, drawn), sizes_of(run, chosen, ways),
                chosen.block_weights or ("",), weights_of(chosen),
            )  # fmt: skip
            for pair, seed, made, size, blocks, weights in combinations:
                prompt, negative = (resolved(text, run.trigger, seed, self.lines_of) for text in pair)
                has_lora = any(weights)
                recipe = Recipe(
                    lora=checkpoint.identity if has_lora else "", weight_unet=weights[0], weight_te=weights[1],
                    block_weights=blocks if has_lora else "", base=base, prompt=prompt, negative_prompt=negative,
                    seed=seed, width=size[0], height=size[1], renderer=drawn.renderer, force=drawn.force,
                    texts=read_as(drawn.renderer, prompt, negative), **made,
                )  # fmt: skip
                folder = checkpoint.images if has_lora else self.version.folder / "previews" / BASE_FOLDER
                path = folder / f"cell-{recipe.key}.png"
                yield Cell(checkpoint, recipe, model, pair, blocks, path, drawn, recipe.key)


def sizes_of(run: Run, settings: PreviewSettings, ways: Ways) -> list[tuple[int, int]]:
    """Width and height of cells, such as the base model's family can make."""
    trained = run.resolution
    pairs = [(settings.width or trained[0], settings.height or trained[1])]
    if settings.sizes:
        pairs = [(int(width), int(height)) for width, height in (text.split(",") for text in settings.sizes)]
    return [ways.sized(*pair) for pair in pairs]
