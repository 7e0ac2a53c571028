"""The mirrored copy: left and right exchanged."""

from __future__ import annotations

from PIL import Image, ImageOps


def flipped(image: Image.Image) -> Image.Image:
    return ImageOps.mirror(image)
