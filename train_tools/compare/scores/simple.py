"""Colours and edges of a picture as a vector: no learned model, always there, and blind to what is shown.

Half is a histogram of 4 x 4 x 4 colours (square roots, so that the product of two is their Bhattacharyya
coefficient), half are histograms of gradient orientations in 8 x 8 fields (Dalal and Triggs, CVPR 2005).
"""

from __future__ import annotations

from collections.abc import Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Any

from PIL import Image

from train_tools.compare.scores.embedder import normalised

if TYPE_CHECKING:
    from typing_extensions import Self

SIDE = 64  # pixels
FIELDS = 8  # a side
ORIENTATIONS = 9  # of half a turn
LEVELS = 4  # of each colour
HALF = 0.5**0.5


class SimpleFeatures:
    """Pictures alone; texts it can't read."""

    identity = "simple-1"
    title = ("colours and edges, no learned model", "颜色与边缘特征（非学习模型）")
    reads_text = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        pass

    def pictures(self, images: Sequence[Image.Image]) -> Any:
        import numpy as np

        small = [
            np.asarray(image.convert("RGB").resize((SIDE, SIDE), Image.Resampling.BOX)) for image in images
        ]
        return np.stack([np.concatenate([_colours(p), _edges(p)]) for p in small]).astype(np.float32)

    def texts(self, texts: Sequence[str]) -> Any:
        raise NotImplementedError(f"{self.identity} reads no texts")


def _colours(pixels: Any) -> Any:
    import numpy as np

    levels = pixels.reshape(-1, 3).astype(np.int64) * LEVELS // 256
    numbers = (levels[:, 0] * LEVELS + levels[:, 1]) * LEVELS + levels[:, 2]
    counts = np.bincount(numbers, minlength=LEVELS**3)
    return HALF * np.sqrt(counts / counts.sum())


def _edges(pixels: Any) -> Any:
    """A plain picture has none: zeros."""
    import numpy as np

    brightness = pixels.astype(np.float32).mean(axis=2) / 255
    down, right = np.gradient(brightness)
    strength = np.hypot(right, down)
    turn = np.mod(np.arctan2(down, right), np.pi) / np.pi * ORIENTATIONS
    orientation = np.minimum(turn.astype(np.int64), ORIENTATIONS - 1)
    rows, columns = np.indices(brightness.shape) * FIELDS // SIDE
    place = (rows * FIELDS + columns) * ORIENTATIONS + orientation
    histogram = np.bincount(place.ravel(), weights=strength.ravel(), minlength=FIELDS * FIELDS * ORIENTATIONS)
    # Square roots keep one strong edge from drowning the rest.
    return HALF * normalised(np.sqrt(histogram)[None])[0]
