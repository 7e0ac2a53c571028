"""The centre of the image in exactly the shape asked for."""

from __future__ import annotations

from PIL import Image

from train_tools.dataset.operations.crop import Crop, clipped


def centre_crop(image: Image.Image, width: int, height: int, operation: str = "centre") -> Crop:
    if image.width * height > image.height * width:  # wider than asked for
        box_width, box_height = image.height * width / height, float(image.height)
    else:
        box_width, box_height = float(image.width), image.width * height / width
    left, top = (image.width - box_width) / 2, (image.height - box_height) / 2
    box = clipped((left, top, left + box_width, top + box_height), image.size)
    return Crop(operation, box, (width, height))
