"""Which picture files are taken in, and what their first bytes say."""

from __future__ import annotations

import functools
import re
import threading
import warnings
from importlib.util import find_spec
from pathlib import Path, PurePath
from typing import IO

from PIL import Image, features

HAS_HEIF = find_spec("pillow_heif") is not None  # not in an environment that was made before it was asked for
AVIF = (".avif",) if features.check("avif") else ()  # Pillow reads it since 11.3, where it was built with it
HEIF = (".heic", ".heif", ".hif")
JPEG = (".jpg", ".jpeg", ".jpe", ".jfif", ".jif", ".pjpeg", ".pjp")
SUFFIXES = frozenset([".png", ".apng", *JPEG, ".webp", ".bmp", ".dib", ".tif", ".tiff", ".gif", *AVIF, *HEIF])
# Pillow's names. Only these are tried, whatever a suffix says: others start outside programs (EPS).
FORMATS = (
    "PNG", "JPEG", "WEBP", "BMP", "DIB", "TIFF", "GIF", *("AVIF" for _ in AVIF), *("HEIF" for _ in range(HAS_HEIF)),
)  # fmt: skip
HEAD_BYTES = 64  # enough to tell what a file is
BRANDS = re.compile(rb"hei[cxms]|hev[cxms]|mif1|msf1")  # of HEIF, in an ISO file's first box
# As servers and browsers save pictures: `a.jpg_large`, `a.png!w640`, `a.jpeg@webp`, `a.jpg~orig`.
DECORATED = re.compile(r"(.+)\.(?:png|jpe?g|webp|gif|bmp|tiff?|avif)[^A-Za-z0-9].*", re.IGNORECASE)

_opening = threading.Lock()  # what warnings are shown is set for the whole process, not for a thread


def open_header(file: IO[bytes] | Path) -> Image.Image:
    """Size and mode without decoding; raises what Pillow raises. Close it, or `load` it to the end."""
    _know_heif()
    with _opening, warnings.catch_warnings():
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # twice as many pixels are an error
        return Image.open(file, formats=FORMATS)


@functools.cache
def _know_heif() -> None:
    """Once: it takes a moment, and nobody needs it before the first picture."""
    if HAS_HEIF:
        from pillow_heif import register_heif_opener

        register_heif_opener()


def suffix_of(head: bytes) -> str:
    """The usual suffix of a picture that begins so; empty where it is none that is read."""
    for start, suffix in ((b"\x89PNG\r\n\x1a\n", ".png"), (b"\xff\xd8\xff", ".jpg"), (b"GIF8", ".gif")):
        if head.startswith(start):
            return suffix
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return ".webp"
    if head[:4] in (b"II*\0", b"MM\0*"):
        return ".tif"
    if head[:2] == b"BM" and head[15:18] == bytes(3):  # the header's length is below 256
        return ".bmp"
    return _iso_suffix(head)


def _iso_suffix(head: bytes) -> str:
    if head[4:8] != b"ftyp":
        return ""
    brands = head[8 : min(len(head), max(12, int.from_bytes(head[:4], "big")))]
    if b"avif" in brands or b"avis" in brands:
        return ".avif"
    return ".heic" if BRANDS.match(brands) else ""


def usable_name(name: str, head: bytes) -> str:
    """`name` with a suffix that says what the picture is, where its own doesn't; the same one where it does.

    A picture under another one's suffix keeps it, as programs look into the file, but for HEIF and TIFF, which
    few expect there. A file that is no picture keeps its name.
    """
    found, path = suffix_of(head), PurePath(name)
    suffix = path.suffix.lower()
    if not found or (suffix in SUFFIXES and (found not in (".heic", ".tif") or _is_same(suffix, found))):
        return name
    if suffix in SUFFIXES:
        return path.stem + found
    decorated = DECORATED.fullmatch(name)
    return (decorated[1] if decorated else name.rstrip(". ")) + found


def _is_same(suffix: str, found: str) -> bool:
    return suffix in HEIF if found == ".heic" else suffix in (".tif", ".tiff")
