"""Long images cut into overlapping pieces along their longer side, as the webui does it."""

from __future__ import annotations

import math

from PIL import Image

from train_tools.dataset.operations.crop import Crop, clipped


def split_oversized(
    image: Image.Image, width: int, height: int, threshold: float, overlap: float
) -> list[Crop]:
    """Pieces of `width` x `height`, or none where the image isn't long enough.

    The image is fitted by its shorter side; it is split where the piece's length is at most `threshold` (0 to 1)
    of its own. `overlap` (0 to 0.9) is the least share of a piece that the next one shows again; the pieces are
    spread evenly.
    """
    tall = image.height > image.width
    across, along = image.size if tall else image.size[::-1]
    piece_across, piece = (width, height) if tall else (height, width)
    ratio = across * piece / (along * piece_across)
    length = along * piece_across // across
    if ratio >= 1 or ratio > threshold or length <= piece:
        return []
    count = max(2, math.ceil((length - piece * overlap) / (piece * (1 - overlap))))
    step = (length - piece) / (count - 1)
    scale = along / length
    crops = []
    for number in range(count):
        start = int(step * number)
        low, high = start * scale, (start + piece) * scale
        box = (0.0, low, float(across), high) if tall else (low, 0.0, high, float(across))
        crops.append(Crop(f"split {number + 1}", clipped(box, image.size), (width, height)))
    return crops
