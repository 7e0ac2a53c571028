"""A part of an image at a size: what every operation that cuts gives."""

from __future__ import annotations

from dataclasses import dataclass

from PIL import Image

Size = tuple[int, int]
Box = tuple[float, float, float, float]


@dataclass(frozen=True)
class Crop:
    """`box` (left, top, right, bottom in pixels of the image) is scaled to `size` (width, height)."""

    operation: str
    box: Box
    size: Size

    @property
    def is_enlarged(self) -> bool:
        """By more than what rounding does."""
        left, top, right, bottom = self.box
        return self.size[0] > right - left + 0.5 or self.size[1] > bottom - top + 0.5


def cut_out(image: Image.Image, crop: Crop) -> Image.Image:
    # Far larger images are first shrunk in whole steps to three times the size: as good to the eye, and three
    # times as fast.
    return image.resize(crop.size, Image.Resampling.LANCZOS, box=crop.box, reducing_gap=3.0)


def clipped(box: Box, image: Size) -> Box:
    """Within the image; sums of fractions may leave it by a rounding error, which Pillow refuses."""
    left, top, right, bottom = box
    return max(0.0, left), max(0.0, top), min(float(image[0]), right), min(float(image[1]), bottom)
