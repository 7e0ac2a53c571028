"""The centre of the image at the best of many sizes, as the webui's auto-sized crop."""

from __future__ import annotations

from PIL import Image

from train_tools.dataset.operations.centre import centre_crop
from train_tools.dataset.operations.crop import Crop, Size

STEP = 64  # pixels between the sizes that are tried
MAXIMIZE_AREA, MINIMIZE_ERROR = "maximize area", "minimize error"


def auto_sized_crop(
    image: Image.Image,
    sides: tuple[int, int],
    areas: tuple[int, int],
    objective: str,
    threshold: float,
) -> Crop | None:
    """Sides and area (in pixels) lie within their bounds, the error of the shape is at most `threshold`.

    Of those sizes the one with the largest area (then the least error), or the least error (then the largest
    area). None where no size fits.
    """

    def error(size: Size) -> float:
        """0 for the image's own shape; 0.5 where one is twice as long for its width as the other."""
        ratio = image.width / image.height / (size[0] / size[1])
        return 1 - min(ratio, 1 / ratio)

    def worth(size: Size) -> tuple[float, float]:
        area, fit = float(size[0] * size[1]), -error(size)
        return (area, fit) if objective == MAXIMIZE_AREA else (fit, area)

    lengths = range(sides[0], sides[1] + 1, STEP)
    sizes = [(w, h) for w in lengths for h in lengths if areas[0] <= w * h <= areas[1]]
    best = max((size for size in sizes if error(size) <= threshold), key=worth, default=None)
    return centre_crop(image, *best, operation="auto-sized") if best else None
