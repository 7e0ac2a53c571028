"""From cells to what the index says of them."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

from train_tools.workspace.workspace import Version

from .cells import Cell
from .index import CellEntry, Index, SheetEntry, changing, write_index
from .plan import PreviewPlan
from .runs import run_entries
from .settings import PreviewSettings


def entry_of(version: Version, cell: Cell, errors: Mapping[Path, str]) -> CellEntry:
    recipe, checkpoint = cell.recipe, cell.checkpoint
    is_there = cell.path.is_file()
    return CellEntry(
        key=cell.key,
        run=checkpoint.run.folder.name,
        checkpoint=checkpoint.path.name,
        epoch=checkpoint.epoch,
        weight_unet=recipe.weight_unet,
        weight_te=recipe.weight_te,
        block_weights=cell.block_weights,
        base_model=str(cell.base_model),
        prompt=cell.asked[0],
        text=recipe.prompt,
        negative_prompt=cell.asked[1],
        seed=recipe.seed,
        sampler=recipe.sampler,
        scheduler=recipe.scheduler,
        steps=recipe.steps,
        cfg_scale=recipe.cfg_scale,
        clip_skip=recipe.clip_skip,
        width=recipe.width,
        height=recipe.height,
        renderer=recipe.renderer,
        image=cell.path.relative_to(version.folder).as_posix() if is_there else "",
        error="" if is_there else errors.get(cell.path, ""),
        step=checkpoint.step,
        host=cell.drawn.host,
        vae=cell.drawn.vae_name,
        because=cell.drawn.because,
        guidance=recipe.guidance,
        shift=recipe.shift,
        rescale=recipe.rescale,
    )


def keep(
    version: Version,
    settings: PreviewSettings,
    plan: PreviewPlan,
    entries: Sequence[CellEntry],
    sheets: Sequence[SheetEntry],
) -> Index:
    """Adds to the index what was rendered and what failed; returns the index of before.

    What stood there of other cells stays as long as its picture does, and an error until its checkpoint is tried
    again or gone.
    """
    tried = {(entry.run, entry.checkpoint) for entry in entries}

    def may_stay(failed: CellEntry) -> bool:
        file = version.trains / failed.run / failed.checkpoint
        return (failed.run, failed.checkpoint) not in tried and file.is_file()

    with changing(version) as before:
        cells = {
            cell.place: cell
            for cell in before.cells
            if (version.folder / cell.image).is_file() or (cell.error and may_stay(cell))
        }
        # One that is neither there nor failed was cut off before its turn.
        cells |= {entry.place: entry for entry in entries if entry.image or entry.error}
        there = {sheet.file: sheet for sheet in before.sheets if (version.folder / sheet.file).is_file()}
        there |= {sheet.file: sheet for sheet in sheets}
        named = {cell.run for cell in cells.values()}
        runs = [run for run in run_entries(version, plan, before) if run.name in named]
        index = Index(
            time.time(),
            asdict(settings),
            plan.notes,
            tuple(runs),
            tuple(cells.values()),
            tuple(there.values()),
        )
        write_index(version, index)
        return before
