"""Which sheets a preview draws: one for each checkpoint, and those over all runs.

The first two axes are columns and rows, the others pages.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import asdict, dataclass, field, replace
from itertools import groupby
from pathlib import Path
from typing import Any

from train_tools.workspace.workspace import Version

from .index import AXES, CellEntry, SheetEntry, axes_of
from .pictures import save
from .settings import PreviewSettings
from .sheet import Difference, Place, Sheet, draw, pages

# Which axis comes first in the sheets of checkpoints; the others follow as in AXES.
IN_CHECKPOINT = ("weight", "weight_unet", "weight_te", "prompt")
NOT_IN_SHEETS = ("batch_cells", "wait_for_host", "automatic", "automatic_lane", "difference", "sheet_format")
LATER = ("vae", "guidance", "shift", "rescale")  # settings that earlier names knew nothing of
NOT_IN_GRIDS = (*NOT_IN_SHEETS, "runs", "checkpoints", "sheet_axes")
SAID_WHERE_SET = ("guidance", "shift", "rescale", "host", "vae")
MOST_PAGES = 60  # of one sheet; more is for the board
WORDS = {
    "epoch": "epoch {}", "weight": "LoRA weight {}", "weight_unet": "UNet weight {}",
    "weight_te": "text encoder weight {}", "seed": "seed {}", "steps": "{} steps", "cfg_scale": "CFG {}",
    "clip_skip": "clip skip {}", "guidance": "guidance {}", "shift": "shift {}", "rescale": "rescale {}",
    "host": "drawn by {}", "vae": "VAE {}",
    "negative_prompt": "negative: {}", "block_weights": "blocks {}",
}  # fmt: skip


@dataclass(frozen=True)
class Shown:
    """A cell with its files; `base` is its picture without LoRA. None where there is none."""

    entry: CellEntry
    path: Path | None
    base: Path | None


@dataclass(frozen=True)
class Table:
    """A sheet before it is drawn. `page` are the values of the axes that are neither columns nor rows."""

    run: str
    checkpoint: str
    title: str
    page: Mapping[str, str]
    columns: tuple[str, ...]
    rows: tuple[str, ...]
    cells: tuple[tuple[Shown | None, ...], ...]


@dataclass(frozen=True)
class Drawer:
    """`labels` tell runs apart, by their folders' names, `models` base models, by their paths.

    `before` are the sheets that the index knows, by file, `new` the keys of the pictures that weren't there then.
    `notes` are for the person who asked.
    """

    version: Version
    settings: PreviewSettings
    labels: Mapping[str, str]
    models: Mapping[str, str]
    before: Mapping[str, SheetEntry]
    new: AbstractSet[str]
    notes: list[str] = field(default_factory=list)  # what wasn't drawn

    def checkpoint_sheets(self, folder: Path, cells: Sequence[Shown]) -> list[SheetEntry]:
        """LoRA weight x prompt of one checkpoint, where sd-webui-train-tools puts it."""
        entry = cells[0].entry
        order = [*IN_CHECKPOINT, *(name for name in AXES if name not in IN_CHECKPOINT)]
        present = [axis.name for axis in axes_of([shown.entry for shown in cells])]
        names = [name for name in order if name in present] or ["weight"]
        title = f"{Path(entry.checkpoint).stem} · epoch {entry.epoch} · {entry.run}"
        tables = self._tables(cells, names[:1], names[1:2] or ["prompt"], names[2:], title)
        tables = [replace(table, run=entry.run, checkpoint=entry.checkpoint) for table in tables]
        return self._draw(tables, folder, f"xyz_grid-{name_of(self.settings, NOT_IN_GRIDS)}")

    def run_sheets(self, cells: Sequence[Shown]) -> list[SheetEntry]:
        """All runs at one glance: epochs beside each other, a row for each prompt and run, at the largest weight.

        With `sheet_axes` as they say.
        """
        chosen = list(self.settings.sheet_axes)
        weights = ("weight", "weight_unet", "weight_te")
        if not set(chosen) & set(weights):
            largest = max((s.entry.weight_unet + s.entry.weight_te for s in cells), default=0)
            cells = [s for s in cells if s.entry.weight_unet + s.entry.weight_te == largest]
        present = [axis.name for axis in axes_of([shown.entry for shown in cells])]
        columns = chosen[:1] or ["epoch"]
        by_itself: list[str] = [name for name in ("prompt", "run") if name in present]
        rows = chosen[1:2] if chosen else by_itself
        rest = [name for name in present if name not in (*columns, *rows)]
        title = f"{self.version.project} {self.version.name}"
        tables = self._tables(cells, columns, rows or ["run"], rest, title)
        return self._draw(
            tables, self.version.folder / "previews", f"sheet-{name_of(self.settings, NOT_IN_SHEETS)}"
        )

    def _tables(
        self, cells: Sequence[Shown], columns: list[str], rows: list[str], rest: list[str], title: str
    ) -> list[Table]:
        """One for each combination of the values of `rest`."""
        if any(axis == "epoch" for axis in columns) and _have_steps(cells):
            columns = [*columns, "step"]

        ranks = {
            axis.name: {value: number for number, value in enumerate(axis.values)}
            for axis in axes_of([shown.entry for shown in cells])
        }

        def place(names: list[str]) -> Callable[[Shown], tuple[Any, ...]]:
            return lambda shown: tuple(getattr(shown.entry, name) for name in names)

        def ordered(names: list[str], among: Sequence[Shown]) -> list[tuple[Any, ...]]:
            """As the axes' values stand; what is no axis, as steps, ascends."""
            found = set(map(place(names), among))
            return sorted(
                found, key=lambda key: [ranks.get(n, {}).get(v, v) for n, v in zip(names, key, strict=True)]
            )

        texts = texts_of(cells)
        result = []
        for page in ordered(rest, cells):
            on_page = [shown for shown in cells if place(rest)(shown) == page]
            across, down = ordered(columns, on_page), ordered(rows, on_page)
            found = {(place(rows)(shown), place(columns)(shown)): shown for shown in on_page}
            values = {name: self._label(name, value, texts) for name, value in zip(rest, page, strict=True)}
            shared = self._same(on_page, [*columns, *rows, *rest])
            lines = [" · ".join([title, *values.values(), *shared])]
            if "prompt" not in (*columns, *rows, *rest):
                lines = [lines[0], *_prompt_of(on_page)]
            result.append(
                Table(
                    "", "", "\n".join(lines), values,
                    tuple(self._labels(columns, key, texts) for key in across),
                    tuple(self._labels(rows, key, texts) for key in down),
                    tuple(tuple(found.get((row, column)) for column in across) for row in down),
                )
            )  # fmt: skip
        return result

    def _labels(self, names: list[str], values: tuple[Any, ...], texts: Mapping[str, str]) -> str:
        return "\n".join(self._label(name, value, texts) for name, value in zip(names, values, strict=True))

    def _label(self, name: str, value: Any, texts: Mapping[str, str]) -> str:
        if name == "prompt":
            return texts.get(value, value)
        if name == "run":
            return self.labels.get(value, value)
        if name == "base_model":
            return self.models.get(value, value)
        text = f"{value:g}" if isinstance(value, float) else "–" if value is None else str(value)
        return WORDS.get(name, "{}").format(text)

    def _same(self, cells: Sequence[Shown], but: list[str]) -> list[str]:
        """What a title says of all its cells."""
        entry = cells[0].entry
        names = [name for name in ("weight", "sampler", "steps", "cfg_scale", "seed") if name not in but]
        names += [name for name in SAID_WHERE_SET if getattr(entry, name) and name not in but]
        equal = [n for n in names if all(getattr(s.entry, n) == getattr(entry, n) for s in cells)]
        return [self._label(name, getattr(entry, name), {}) for name in equal]

    def _draw(self, tables: Sequence[Table], folder: Path, name: str) -> list[SheetEntry]:
        made = []
        if len(tables) > MOST_PAGES:
            self.notes.append(
                f"{tables[0].title.splitlines()[0]}: of {len(tables)} pages the first {MOST_PAGES} are drawn; "
                "every cell is in the index"
            )
        for number, table in enumerate(tables[:MOST_PAGES], start=1):
            own = name if len(tables) == 1 else f"{name}-{number}"
            made += list(self._write(table, folder, own, is_difference=False))
            if self.settings.difference and _differs(table):
                made += list(self._write(table, folder, f"{own}-difference", is_difference=True))
        return made

    def _write(self, table: Table, folder: Path, name: str, *, is_difference: bool) -> Iterator[SheetEntry]:
        title = f"{table.title} · difference to weight 0" if is_difference else table.title
        shown = [s.entry for row in table.cells for s in row if s is not None]
        size = max(entry.width for entry in shown), max(entry.height for entry in shown)
        places = [[_place(s, is_difference) for s in row] for row in table.cells]
        parts = pages(Sheet(title, table.columns, table.rows, places, size))
        endings = {"both": (".png", ".webp")}.get(
            self.settings.sheet_format, (f".{self.settings.sheet_format}",)
        )
        for number, part in enumerate(parts, start=1):
            for ending in endings:
                path = folder / f"{name if len(parts) == 1 else f'{name}-page-{number}'}{ending}"
                made = SheetEntry(
                    file=path.relative_to(self.version.folder).as_posix(),
                    run=table.run,
                    checkpoint=table.checkpoint,
                    title=part.sheet.title,
                    page=table.page,
                    columns=table.columns[part.columns],
                    rows=table.rows[part.rows],
                    cells=tuple(
                        tuple(s.entry.key if s else None for s in row[part.columns])
                        for row in table.cells[part.rows]
                    ),
                    difference=is_difference,
                )
                if not self._is_drawn(made, path):
                    save(draw(part.sheet), path)
                yield made

    def _is_drawn(self, sheet: SheetEntry, path: Path) -> bool:
        """Whether an earlier preview drew just this; thousands of checkpoints may be as they were."""
        keys = {key for row in sheet.cells for key in row if key}
        return self.before.get(sheet.file) == sheet and not keys & self.new and path.is_file()


def name_of(settings: PreviewSettings, without: Collection[str]) -> str:
    """What is in the names of files: a hash of the settings on which they depend."""
    depends = {name: value for name, value in asdict(settings).items() if name not in without}
    for name in LATER:
        if not depends[name]:  # as before there was this setting
            del depends[name]
    return hashlib.sha256(json.dumps(depends, sort_keys=True).encode()).hexdigest()[:8]


def _prompt_of(cells: Sequence[Shown]) -> list[str]:
    """As it was rendered; none where there are several."""
    texts = {shown.entry.text for shown in cells}
    return list(texts) if len(texts) == 1 else []


def texts_of(cells: Sequence[Shown]) -> dict[str, str]:
    """What stands for a prompt: as it was rendered, where that is the same in all cells."""
    found: dict[str, set[str]] = {}
    for shown in cells:
        found.setdefault(shown.entry.prompt, set()).add(shown.entry.text)
    return {prompt: next(iter(texts)) for prompt, texts in found.items() if len(texts) == 1}


def _place(shown: Shown | None, is_difference: bool) -> Place:
    if shown is None:
        return None
    if shown.path is None:
        return "failed"
    if not is_difference:
        return shown.path
    return Difference(shown.path, shown.base) if shown.base else "no picture at weight 0"


def _differs(table: Table) -> bool:
    """Whether a sheet of differences would show anything."""
    cells = [shown for row in table.cells for shown in row if shown is not None]
    return any(s.path and s.base and s.path != s.base for s in cells)


def _have_steps(cells: Sequence[Shown]) -> bool:
    """Whether a run has several checkpoints of one epoch."""
    found = sorted({(s.entry.run, s.entry.epoch, s.entry.checkpoint) for s in cells})
    return any(len(list(group)) > 1 for _, group in groupby(found, key=lambda key: key[:2]))
