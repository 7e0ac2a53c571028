"""Which picture files are taken in, and what their first bytes say."""

from __future__ import annotations

import threading
import warnings
from pathlib import Path
from typing import IO

from PIL import Image, features

AVIF = (".avif",) if features.check("avif") else ()  # Pillow reads it since 11.3, where it was built with it
SUFFIXES = frozenset([".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff", ".gif", *AVIF])
# Pillow's names. Only these are tried, whatever a suffix says: others start outside programs (EPS).
FORMATS = ("PNG", "JPEG", "WEBP", "BMP", "DIB", "TIFF", "GIF", *("AVIF" for _ in AVIF))

_opening = threading.Lock()  # what warnings are shown is set for the whole process, not for a thread


def open_header(file: IO[bytes] | Path) -> Image.Image:
    """Size and mode without decoding; raises what Pillow raises. Close it, or `load` it to the end."""
    with _opening, warnings.catch_warnings():
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # twice as many pixels are an error
        return Image.open(file, formats=FORMATS)
