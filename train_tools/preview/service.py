"""Renders what is missing of a version's preview, draws its sheets and keeps its index."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from train_tools.workspace.workspace import Version

from .cells import Cell
from .drawing import Drawer, Shown
from .index import CellEntry, Index, SheetEntry, changing, write_index
from .pictures import save
from .plan import BASE_FOLDER, PreviewPlan, plan_cells
from .removal import set_aside
from .renderer import Bridge, Outcome, Renderer, renderer_for
from .runs import run_entries, run_labels, unique_runs
from .settings import PreviewSettings


@dataclass(frozen=True)
class Progress:
    """`done` of `total` pictures; `text` says what the last one shows, `error` why it failed."""

    done: int
    total: int
    text: str
    error: str = ""


Report = Callable[[Progress], None]


@dataclass(frozen=True)
class PreviewResult:
    """What a preview made: a sheet for each checkpoint and those over all runs.

    `rendered` and `kept` (from earlier previews) count pictures; `failed` has a sentence for each that failed.
    """

    grids: list[Path]
    sheets: list[Path]
    rendered: int
    kept: int
    failed: list[str]
    notes: tuple[str, ...]
    renderer: str

    @property
    def sheet(self) -> Path | None:
        return self.sheets[0] if self.sheets else None


def check(version: Version, settings: PreviewSettings, bridge: Bridge | None = None) -> PreviewPlan:
    """What a preview would render; raises UsageError where it couldn't begin."""
    renderer = renderer_for(settings, bridge)
    plan = plan_cells(version, settings, renderer.name)
    renderer.check(plan.cells)
    return plan


def preview(
    version: Version,
    settings: PreviewSettings,
    report: Report,
    *,
    bridge: Bridge | None = None,
    again: bool = False,
) -> PreviewResult:
    """Renders what isn't there yet of the cells that the settings mean; `report` hears of each.

    `bridge` is the webui that may render. With `again` the pictures that are there go to the trash first. Pictures
    are whole whenever this is cut off; the next preview goes on. Raises UsageError where there is nothing to render.
    """
    renderer = renderer_for(settings, bridge)
    plan = plan_cells(version, settings, renderer.name)
    renderer.check(plan.cells)
    if again:
        set_aside(version, {cell.path for cell in plan.cells}, "preview-again")
    pictures = {cell.path: cell for cell in plan.cells}
    missing = [cell for path, cell in pictures.items() if not path.is_file()]
    errors: dict[Path, str] = {}
    runs = unique_runs(plan)
    try:
        _render(renderer, missing, errors, report)
    finally:
        # Also of what was cut off: what is rendered is shown.
        entries = [_entry(version, cell, errors) for cell in plan.cells]
        before = _keep(version, settings, plan, entries, [])
    drawer = Drawer(
        version,
        settings,
        labels=dict(zip((run.folder.name for run in runs), run_labels(runs), strict=True)),
        before={sheet.file: sheet for sheet in before.sheets},
        new={cell.recipe.key for cell in missing},
    )
    sheets = _draw(drawer, plan, entries)
    _keep(version, settings, plan, entries, sheets)
    paths = [version.folder / sheet.file for sheet in sheets]
    return PreviewResult(
        grids=[path for path, sheet in zip(paths, sheets, strict=True) if sheet.checkpoint],
        sheets=[path for path, sheet in zip(paths, sheets, strict=True) if not sheet.checkpoint],
        rendered=len(missing) - len(errors),
        kept=len(pictures) - len(missing),
        failed=_sentences(pictures, errors),
        notes=(*plan.notes, *drawer.notes),
        renderer=renderer.name,
    )


def _render(renderer: Renderer, missing: Sequence[Cell], errors: dict[Path, str], report: Report) -> None:
    done = 0

    def finished(outcome: Outcome) -> None:
        nonlocal done
        done += 1
        cell = outcome.cell
        if outcome.picture is None:
            errors[cell.path] = outcome.error
        else:
            save(outcome.picture, cell.path, outcome.infotext)
        report(Progress(done, len(missing), words_of(cell), outcome.error))

    whole = []
    for cell in missing:
        if cell.recipe.has_lora and cell.checkpoint.error:
            finished(Outcome(cell, None, error=cell.checkpoint.error))
        else:
            whole.append(cell)
    if whole:
        renderer.render(whole, finished)


def words_of(cell: Cell) -> str:
    """What a cell shows, for a line of progress."""
    recipe = cell.recipe
    if not recipe.has_lora:
        return f"without LoRA: {recipe.prompt}"
    weight = f"{recipe.weight_unet:g}"
    if recipe.weight_unet != recipe.weight_te:
        weight = f"UNet {recipe.weight_unet:g}, TE {recipe.weight_te:g}"
    return f"{cell.checkpoint.path.stem} at {weight}: {recipe.prompt}"


def _sentences(pictures: dict[Path, Cell], errors: dict[Path, str]) -> list[str]:
    """Each error once, with how many pictures it cost: a damaged checkpoint has many."""
    cost: dict[str, list[str]] = {}
    for path, error in errors.items():
        cost.setdefault(error, []).append(pictures[path].checkpoint.path.name)
    sentences = []
    for error, names in cost.items():
        is_one = len(set(names)) == 1 and names[0] not in error
        sentence = f"{names[0]}: {error}" if is_one else error
        sentences.append(f"{sentence} ({len(names)} pictures)" if len(names) > 1 else sentence)
    return sentences


def _entry(version: Version, cell: Cell, errors: dict[Path, str]) -> CellEntry:
    recipe, checkpoint = cell.recipe, cell.checkpoint
    is_there = cell.path.is_file()
    return CellEntry(
        key=recipe.key,
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
    )


def _draw(drawer: Drawer, plan: PreviewPlan, entries: Sequence[CellEntry]) -> list[SheetEntry]:
    shown = [_shown(drawer.version, cell, entry) for cell, entry in zip(plan.cells, entries, strict=True)]
    sheets: list[SheetEntry] = []
    start = 0
    for row in plan.rows:
        own = shown[start : start + len(row.cells)]
        start += len(row.cells)
        sheets += drawer.checkpoint_sheets(row.checkpoint.images, own)
    return sheets + drawer.run_sheets(shown)


def _shown(version: Version, cell: Cell, entry: CellEntry) -> Shown:
    plain = replace(cell.recipe, lora="", weight_unet=0.0, weight_te=0.0, block_weights="")
    base = version.folder / "previews" / BASE_FOLDER / f"cell-{plain.key}.png"
    return Shown(entry, cell.path if entry.image else None, base if base.is_file() else None)


def _keep(
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
