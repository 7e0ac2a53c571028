"""Small WebP copies of preview pictures, made once, named by the cell's key, in a cache that may be deleted."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from train_tools.compare.cells import Cell
from train_tools.compare.place import cache
from train_tools.errors import TrainToolsError
from train_tools.workspace.files import write_bytes
from train_tools.workspace.workspace import Version

SIDE = 192  # pixels, the longest side; the board's largest tile at usual screens
QUALITY = 80
LARGEST_PIXELS = 100_000_000  # a picture of more isn't opened; previews are far smaller
THREADS = 2


class PictureError(TrainToolsError):
    """A preview picture that isn't there or can't be read."""


def thumbnail(version: Version, cell: Cell) -> Path:
    """The thumbnail's path; makes it where it is missing or older than its picture.

    Raises PictureError with one sentence where there is no picture to make it of.
    """
    if cell.error:
        raise PictureError(cell.error)
    source = cell.path(version)
    target = path_of(version, cell.key)
    try:
        changed = source.stat().st_mtime_ns
    except OSError as error:
        raise PictureError(f"{cell.image} is missing; render the preview again") from error
    if not _is_made(target, changed):
        write_bytes(target, _shrunk(source, cell.image))
    return target


def path_of(version: Version, key: str) -> Path:
    return cache(version) / "thumbnails" / key[:2] / f"{key}.webp"


def _is_made(target: Path, source_changed_ns: int) -> bool:
    try:
        status = target.stat()
    except OSError:
        return False
    return status.st_mtime_ns >= source_changed_ns and status.st_size > 0


def _shrunk(source: Path, name: str) -> bytes:
    from PIL import Image

    try:
        with Image.open(source) as image:
            if image.width * image.height > LARGEST_PIXELS:
                raise PictureError(f"{name} has {image.width} x {image.height} pixels, which is too large")
            image.draft("RGB", (SIDE, SIDE))
            small = image.convert("RGB")
            small.thumbnail((SIDE, SIDE), Image.Resampling.BICUBIC, reducing_gap=2.0)
            out = io.BytesIO()
            small.save(out, "WEBP", quality=QUALITY, method=2)
            return out.getvalue()
    except PictureError:
        raise
    except Exception as error:  # Pillow raises a dozen kinds on damaged data
        raise PictureError(f"{name} is damaged ({error}); delete it and render the preview again") from error


def make_all(
    version: Version, cells: Iterable[Cell], report: Callable[[int, int], None] | None = None
) -> dict[str, str]:
    """Makes what is missing; returns the key and a sentence for each cell without a picture."""
    by_key = {cell.key: cell for cell in cells}
    errors: dict[str, str] = {}

    def make(cell: Cell) -> tuple[str, str]:
        try:
            thumbnail(version, cell)
        except (PictureError, OSError) as error:
            return cell.key, str(error)
        return cell.key, ""

    with ThreadPoolExecutor(THREADS) as pool:
        for done, (key, fault) in enumerate(pool.map(make, by_key.values()), start=1):
            if fault:
                errors[key] = fault
            if report is not None:
                report(done, len(by_key))
    return errors
