"""Thumbnails of preview pictures, made before somebody scrolls over them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from train_tools.compare.place import picture_path
from train_tools.errors import TrainToolsError
from train_tools.preview.index import CellEntry
from train_tools.workspace.workspace import Version

SIDE = 192  # pixels; the board's tiles are up to this large
THREADS = 2


def cell_thumbnail(version: Version, cell: CellEntry, side: int = SIDE) -> Path:
    """The WebP file; raises UsageError with one sentence where there is no whole picture."""
    from train_tools.dataset.thumbnails import thumbnail

    return thumbnail(version, picture_path(version, cell), side)


def make_all(
    version: Version, cells: Iterable[CellEntry], report: Callable[[int, int], None] | None = None
) -> dict[str, str]:
    """Makes what is missing; returns the key and a sentence for each cell without a picture."""
    by_key = {cell.key: cell for cell in cells}
    errors: dict[str, str] = {}

    def make(cell: CellEntry) -> tuple[str, str]:
        try:
            cell_thumbnail(version, cell)
        except (TrainToolsError, OSError) as error:
            return cell.key, str(error)
        return cell.key, ""

    with ThreadPoolExecutor(THREADS) as pool:
        for done, (key, fault) in enumerate(pool.map(make, by_key.values()), start=1):
            if fault:
                errors[key] = fault
            if report is not None:
                report(done, len(by_key))
    return errors
