"""Writes pictures so that one that is there is whole."""

from __future__ import annotations

from pathlib import Path

from PIL import Image
from PIL.PngImagePlugin import PngInfo

from train_tools.workspace.files import replace, temporary_sibling


def save(picture: Image.Image, path: Path, info: PngInfo | None = None) -> None:
    """As PNG, with its folder; raises OSError where that can't be written."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = temporary_sibling(path)
    picture.save(temporary, "PNG", pnginfo=info)
    replace(temporary, path)
