"""Small pictures for lists: made once, in the version's hidden folder `.thumbnails`, which may be deleted."""

from __future__ import annotations

import contextlib
import hashlib
import io
from pathlib import Path

from PIL import Image, ImageOps

from train_tools.dataset.formats import open_header
from train_tools.errors import UsageError
from train_tools.workspace.files import temporary_sibling
from train_tools.workspace.tree import THUMBNAILS
from train_tools.workspace.workspace import Version

SIDES = (192, 384)  # longest side in pixels
QUALITY = 80


def thumbnail(version: Version, picture: Path, side: int) -> Path:
    """The WebP file of a picture of the version; `side` is the longest in pixels.

    Its name holds the picture's path, size and time of change. Raises UsageError where it isn't a whole picture.
    """
    stat = picture.stat()
    name = f"{picture.relative_to(version.folder).as_posix()} {stat.st_size} {stat.st_mtime_ns} {side}"
    key = hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()[:24]
    made = version.folder / THUMBNAILS / key[:2] / f"{key}.webp"
    if not made.is_file():
        _write(made, _small(picture, side))
    return made


def _small(picture: Path, side: int) -> bytes:
    try:
        with open_header(picture) as image:
            image.draft("RGB", (side * 2, side * 2))  # JPEG: decode no more than is needed
            turned = ImageOps.exif_transpose(image)
            has_alpha = turned.mode in ("RGBA", "LA", "PA") or "transparency" in turned.info
            small = turned.convert("RGBA" if has_alpha else "RGB")
            small.thumbnail((side, side), Image.Resampling.LANCZOS, reducing_gap=2.0)
            buffer = io.BytesIO()
            small.save(buffer, "WEBP", quality=QUALITY, method=2)
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise UsageError(f"{picture.name} isn't a whole picture; replace or delete it") from error
    return buffer.getvalue()


def _write(made: Path, data: bytes) -> None:
    # Not fsynced: a lost thumbnail is made again.
    made.parent.mkdir(parents=True, exist_ok=True)
    temporary = temporary_sibling(made)
    try:
        temporary.write_bytes(data)
        with contextlib.suppress(
            PermissionError
        ):  # Windows: another request made the same one and is sending it
            temporary.replace(made)
    finally:
        temporary.unlink(missing_ok=True)
