"""Writes pictures so that one that is there is whole."""

from __future__ import annotations

from pathlib import Path

from PIL import Image
from PIL.PngImagePlugin import PngInfo

from train_tools.workspace.files import replace, temporary_sibling

WEBP_QUALITY = 90  # of 100


def save(picture: Image.Image, path: Path, infotext: str = "") -> None:
    """As PNG or WebP, by its name, with its folder; `infotext` goes where the webui looks for it in a PNG.

    Raises OSError where that can't be written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = temporary_sibling(path)
    try:
        if path.suffix == ".webp":
            picture.save(temporary, "WEBP", quality=WEBP_QUALITY, method=4)
        else:
            info = PngInfo()
            if infotext:
                info.add_itxt("parameters", infotext)
            picture.save(temporary, "PNG", pnginfo=info)
        replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
