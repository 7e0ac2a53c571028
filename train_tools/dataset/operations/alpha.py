"""Transparency kept as a mask for sd-scripts' masked loss (`alpha_mask`)."""

from __future__ import annotations

from PIL import Image, ImageChops


def with_mask(image: Image.Image, alpha: Image.Image | None) -> Image.Image:
    """RGBA with `alpha` (`L`: 255 is learnt, 0 isn't); as it is where nothing is transparent."""
    if alpha is None or alpha.getextrema() == (255, 255):
        return image
    result = image.copy()
    result.putalpha(alpha)
    return result


def with_given_mask(
    alpha: Image.Image | None, mask: Image.Image | None, size: tuple[int, int]
) -> Image.Image | None:
    """Of both: learnt is what the image shows and its mask (white) wants. The mask is an upright `L` of any size."""
    if mask is None:
        return alpha
    fitting = mask if mask.size == size else mask.resize(size, Image.Resampling.BILINEAR)
    return fitting if alpha is None else ImageChops.multiply(alpha, fitting)
