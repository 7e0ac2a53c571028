"""Takes previews away: always of chosen runs, always to the trash."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from train_tools.errors import UsageError
from train_tools.workspace.files import move_to_trash
from train_tools.workspace.workspace import Version

from .choice import chosen_names
from .index import changing, write_index


@dataclass(frozen=True)
class Removed:
    """`pictures` were taken away; `places` are where they lie in the trash."""

    runs: tuple[str, ...]
    pictures: int
    places: tuple[Path, ...]


def delete(version: Version, runs: Sequence[str]) -> Removed:
    """Moves all cells and sheets of the chosen runs' checkpoints to the trash; sheets over all runs stay.

    Raises UsageError where no run is named, or one isn't there.
    """
    if not runs:
        raise UsageError("say whose previews: --run NAME, or --run '*' for all runs")
    with changing(version) as index:
        there = sorted({path.parents[1].name for path in version.trains.glob("*/*/images")})
        names = chosen_names(there, runs)
        folders = [path for name in names for path in sorted((version.trains / name).glob("*/images"))]
        count = sum(1 for folder in folders for _ in folder.glob("cell-*.png"))
        places = tuple(move_to_trash(folder, _trash(version)) for folder in folders)
        write_index(
            version,
            replace(
                index,
                cells=tuple(cell for cell in index.cells if cell.run not in names),
                runs=tuple(run for run in index.runs if run.name not in names),
                sheets=tuple(sheet for sheet in index.sheets if sheet.run not in names),
            ),
        )
    return Removed(tuple(names), count, places)


def set_aside(version: Version, paths: Iterable[Path], name: str) -> None:
    """Moves single pictures to the trash, in one folder."""
    existing = [path for path in paths if path.is_file()]
    if not existing:
        return
    folder = version.folder / "previews" / name
    if folder.exists():  # of one that was cut off between gathering and moving
        move_to_trash(folder, _trash(version))
    folder.mkdir(parents=True)
    for path in existing:
        path.rename(folder / f"{path.parents[1].name}-{path.name}")
    move_to_trash(folder, _trash(version))


def _trash(version: Version) -> Path:
    return version.folder.parents[3] / "trash"
