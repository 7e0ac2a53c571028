"""The whole image in its own shape, at the area asked for; buckets decide later what of it is trained."""

from __future__ import annotations

import math

from PIL import Image

from train_tools.dataset.operations.crop import Crop

WHOLE = "whole"


def whole_image(image: Image.Image, width: int, height: int) -> Crop:
    scale = math.sqrt(width * height / (image.width * image.height))
    size = max(1, round(image.width * scale)), max(1, round(image.height * scale))
    return Crop(WHOLE, (0.0, 0.0, float(image.width), float(image.height)), size)
