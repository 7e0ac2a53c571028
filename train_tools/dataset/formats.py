"""Which picture files are taken in, and what their first bytes say."""

from __future__ import annotations

from pathlib import Path
from typing import IO

from PIL import Image

SUFFIXES = frozenset([".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff", ".gif"])
# Pillow's names. Only these are tried, whatever a suffix says: others start outside programs (EPS).
FORMATS = ("PNG", "JPEG", "WEBP", "BMP", "DIB", "TIFF", "GIF")


def open_header(file: IO[bytes] | Path) -> Image.Image:
    """Size and mode without decoding; raises what Pillow raises. Close it, or `load` it to the end."""
    return Image.open(file, formats=FORMATS)
