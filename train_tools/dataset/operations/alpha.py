"""Transparency kept as a mask for sd-scripts' masked loss (`alpha_mask`)."""

from __future__ import annotations

from PIL import Image


def with_mask(image: Image.Image, alpha: Image.Image | None) -> Image.Image:
    """RGBA with `alpha` (`L`: 255 is learnt, 0 isn't); as it is where nothing is transparent."""
    if alpha is None or alpha.getextrema() == (255, 255):
        return image
    result = image.copy()
    result.putalpha(alpha)
    return result
