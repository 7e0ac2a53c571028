"""Where what people say of checkpoints lies (previews/), and what can be made again at any time (previews/.cache/)."""

from __future__ import annotations

from pathlib import Path

from train_tools.errors import UsageError
from train_tools.preview.index import CellEntry
from train_tools.workspace.files import require_inside
from train_tools.workspace.tree import CACHE
from train_tools.workspace.workspace import Version

PUBLISHED = "published.jsonl"  # what left the version, a line each; `publish` writes it
PICTURES = {".png": "image/png", ".webp": "image/webp"}


def previews(version: Version) -> Path:
    return version.folder / "previews"


def cache(version: Version) -> Path:
    """Left out of copies, zips and counts."""
    return previews(version) / CACHE


def picture_path(version: Version, cell: CellEntry) -> Path:
    """The cell's picture; raises UsageError where there is none. An index may come from anybody's zip."""
    if cell.error or not cell.image:
        raise UsageError(cell.error or f"there is no picture of {cell.key}")
    path = version.folder / cell.image
    if path.suffix.lower() not in PICTURES:
        raise UsageError(f"{cell.image} is no preview picture")
    require_inside(path, version.folder)
    if not path.is_file():
        raise UsageError(f"{cell.image} is missing; render the preview again")
    return path
