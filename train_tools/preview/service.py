"""Renders what is missing of a version's preview, draws its sheets and keeps its index."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from train_tools.hosts.interface import HostGoneError
from train_tools.workspace.workspace import Version

from .cells import Cell
from .choosing import REMAIN, Chooser
from .drawing import Drawer, Shown
from .earlier import Earlier
from .entries import entry_of, keep
from .index import CellEntry, SheetEntry
from .model_names import shown_models
from .plan import BASE_FOLDER, PreviewPlan, plan_cells
from .renderer import Bridge, Connect
from .rendering import Progress, Rendering, Report
from .runs import run_labels, unique_runs
from .settings import PreviewSettings
from .ways import filled_in

__all__ = ["DrawnBase", "PreviewResult", "Progress", "Report", "check", "preview"]


@dataclass(frozen=True)
class DrawnBase:
    """By what the pictures on a base model are drawn, and why; `error` says why by nothing."""

    base_model: Path
    renderer: str
    because: str
    host: str
    error: str = ""

    @property
    def sentence(self) -> str:
        if self.error:
            return f"{self.base_model.name} can't be drawn: {self.error}"
        return f"{self.base_model.name} is drawn by {self.host}: {self.because}"


@dataclass(frozen=True)
class PreviewResult:
    """What a preview made: a sheet for each checkpoint and those over all runs.

    `rendered` and `kept` (from earlier previews) count pictures; `failed` has a sentence for each that failed.
    `renderer` names those that drew, `drawn` says for each base model which and why.
    """

    grids: list[Path]
    sheets: list[Path]
    rendered: int
    kept: int
    failed: list[str]
    notes: tuple[str, ...]
    renderer: str
    drawn: tuple[DrawnBase, ...] = ()

    @property
    def sheet(self) -> Path | None:
        return self.sheets[0] if self.sheets else None


def check(version: Version, settings: PreviewSettings, bridge: Bridge | None = None) -> PreviewPlan:
    """What a preview would render; raises UsageError where it couldn't begin. Waits for no model to be read."""
    try:
        return _checked(Chooser(version, settings, bridge))
    except HostGoneError:
        return _checked(Chooser(version, settings, None))


def _checked(chooser: Chooser) -> PreviewPlan:
    plan = _plan_of(chooser)
    unread = dict.fromkeys(
        cell.base_model.name for cell in plan.cells if cell.recipe.base.startswith("unread:")
    )
    notes = [
        f"{name} is being read for the first time; until then its pictures count as new" for name in unread
    ]
    return PreviewPlan(plan.rows, (*plan.notes, *notes))


def _plan_of(chooser: Chooser) -> PreviewPlan:
    plan = plan_cells(chooser.version, chooser.settings, chooser)
    return plan.changed(Earlier(plan.cells, chooser.look).taken_over)


def preview(
    version: Version,
    settings: PreviewSettings,
    report: Report,
    *,
    bridge: Bridge | None = None,
    again: bool = False,
    connect: Connect = lambda: None,
) -> PreviewResult:
    """Renders what isn't there yet of the cells that the settings mean; `report` hears of each.

    `bridge` is the webui that may render; `connect` looks for one where that went away. With `again` the pictures that
    are there go to the trash first. Pictures are whole whenever this is cut off; the next preview goes on. Raises
    UsageError where there is nothing to render.
    """
    chooser = Chooser(
        version,
        settings,
        bridge,
        waits=True,
        again=again,
        reading=lambda text: report(Progress(0, 0, note=text)),
    )
    rendering = Rendering(chooser, _plan_of, report, connect)
    rendering.prepare(again=again)
    try:
        rendering.run()
    finally:
        # Also of what was cut off: what is rendered is shown.
        plan = rendering.plan
        entries = [entry_of(version, cell, rendering.errors) for cell in plan.cells]
        before = keep(version, settings, plan, entries, [])
    runs, pictures = unique_runs(plan), rendering.pictures
    drawer = Drawer(
        version,
        filled_in(settings, (cell.recipe for cell in plan.cells)),
        labels=dict(zip((run.folder.name for run in runs), run_labels(runs), strict=True)),
        models=shown_models(str(cell.base_model) for cell in plan.cells),
        before={sheet.file: sheet for sheet in before.sheets},
        new=set(rendering.drawn.values())
        | {pictures[path].key for path in rendering.errors if path in pictures},
    )
    sheets = _draw(drawer, plan, entries)
    keep(version, settings, plan, entries, sheets)
    paths = [version.folder / sheet.file for sheet in sheets]
    remain = [f"{REMAIN} ({len(rendering.left)} pictures)"] if rendering.left else []
    drawn = drawn_bases(plan)
    return PreviewResult(
        grids=[path for path, sheet in zip(paths, sheets, strict=True) if sheet.checkpoint],
        sheets=[path for path, sheet in zip(paths, sheets, strict=True) if not sheet.checkpoint],
        rendered=len(rendering.drawn),
        kept=sum(path.is_file() for path in pictures.keys() - rendering.drawn.keys()),
        failed=[*remain, *_sentences(pictures, rendering.errors)],
        notes=(*plan.notes, *rendering.notes, *drawer.notes),
        renderer=", ".join(dict.fromkeys(one.renderer for one in drawn)),
        drawn=drawn,
    )


def drawn_bases(plan: PreviewPlan) -> tuple[DrawnBase, ...]:
    """One for each base model."""
    first = {cell.base_model: cell.drawn for cell in reversed(plan.cells)}
    return tuple(
        DrawnBase(base, drawn.renderer, drawn.because, drawn.host, drawn.error)
        for base, drawn in reversed(first.items())
    )


def _sentences(pictures: Mapping[Path, Cell], errors: Mapping[Path, str]) -> list[str]:
    """Each error once, with how many pictures it cost: a damaged checkpoint has many."""
    cost: dict[str, list[str]] = {}
    for path, error in errors.items():
        if path not in pictures:  # it was planned anew
            continue
        cost.setdefault(error, []).append(pictures[path].checkpoint.path.name)
    sentences = []
    for error, names in cost.items():
        is_one = len(set(names)) == 1 and names[0] not in error
        sentence = f"{names[0]}: {error}" if is_one else error
        sentences.append(f"{sentence} ({len(names)} pictures)" if len(names) > 1 else sentence)
    return sentences


def _draw(drawer: Drawer, plan: PreviewPlan, entries: Sequence[CellEntry]) -> list[SheetEntry]:
    plain = {cell.recipe.key: cell.path for cell in plan.cells if not cell.recipe.has_lora}
    shown = [
        _shown(drawer.version, cell, entry, plain) for cell, entry in zip(plan.cells, entries, strict=True)
    ]
    sheets: list[SheetEntry] = []
    start = 0
    for row in plan.rows:
        own = shown[start : start + len(row.cells)]
        start += len(row.cells)
        sheets += drawer.checkpoint_sheets(row.checkpoint.images, own)
    return sheets + drawer.run_sheets(shown)


def _shown(version: Version, cell: Cell, entry: CellEntry, plain: Mapping[str, Path]) -> Shown:
    """`plain` are the pictures without LoRA of this preview, by their recipes' keys."""
    key = replace(cell.recipe, lora="", weight_unet=0.0, weight_te=0.0, block_weights="").key
    base = plain.get(key, version.folder / "previews" / BASE_FOLDER / f"cell-{key}.png")
    return Shown(entry, cell.path if entry.image else None, base if base.is_file() else None)
