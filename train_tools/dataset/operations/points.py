"""Where an image's points of interest are: faces, the busiest part, corners of edges. Coordinates in pixels."""

from __future__ import annotations

import functools
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from train_tools.dataset.opencv import opencv

# In this order; the first that finds something says where. All of them come with OpenCV's package.
CASCADES = (
    "haarcascade_frontalface_alt2.xml",
    "haarcascade_frontalface_default.xml",
    "haarcascade_profileface.xml",
    "haarcascade_eye_tree_eyeglasses.xml",
    "haarcascade_upperbody.xml",
)
SMALLEST_FACE = 0.05  # of the shorter side
NEIGHBOURS = 7  # overlapping finds that make one certain
MOST_CORNERS = 100
CORNER_QUALITY = 0.04  # of the strongest corner
CORNER_DISTANCE = 0.06  # of the shorter side
WATERMARK = 0.1  # of the height, at the bottom: signatures would draw the corners there
GREYS = 32  # brightness steps that entropy is counted in
ENTROPY_STEP = 4  # pixels

_thread = threading.local()


@dataclass(frozen=True)
class Point:
    x: float
    y: float


def face_points(image: Image.Image) -> list[Point]:
    """Centres of the faces, else of eyes or upper bodies; mirrored profiles are looked for too."""
    grey = _grey(image)
    for cascade in CASCADES:
        points = _detect(cascade, grey)
        if not points and "profile" in cascade:
            mirrored = _detect(cascade, np.ascontiguousarray(grey[:, ::-1]))
            points = [Point(image.width - point.x, point.y) for point in mirrored]
        if points:
            return points
    return []


def _detect(cascade: str, grey: npt.NDArray[np.uint8]) -> list[Point]:
    smallest = max(1, int(min(grey.shape) * SMALLEST_FACE))
    found = _classifier(cascade).detectMultiScale(
        grey, scaleFactor=1.1, minNeighbors=NEIGHBOURS, minSize=(smallest, smallest)
    )
    return [Point(float(x + w / 2), float(y + h / 2)) for x, y, w, h in found]


def _classifier(cascade: str) -> Any:
    """One for each thread: a detector holds what it is working on."""
    if not hasattr(_thread, "classifier"):
        cv2 = opencv()
        _thread.classifier = functools.cache(lambda name: cv2.CascadeClassifier(cv2.data.haarcascades + name))
    return _thread.classifier(cascade)


def entropy_points(image: Image.Image, width: int, height: int) -> list[Point]:
    """The middle of the part of `width` x `height` whose grey levels hold the most information.

    The part moves along the one side that is longer than it. H = -sum(p log2 p) over the histogram (Shannon).
    """
    grey = _grey(image) // (256 // GREYS)
    sideways = image.width > width
    if not sideways and image.height <= height:
        return []
    lines = grey.T if sideways else grey  # one row a step
    part = width if sideways else height
    counts = np.stack([np.bincount(line, minlength=GREYS) for line in lines])
    sums = np.concatenate([np.zeros((1, GREYS), dtype=np.int64), np.cumsum(counts, axis=0)])
    starts = np.arange(0, len(lines) - part + 1, ENTROPY_STEP)
    shares = (sums[starts + part] - sums[starts]) / (part * lines.shape[1])
    entropy = -(shares * np.log2(shares, out=np.zeros_like(shares), where=shares > 0)).sum(axis=1)
    best = float(starts[int(entropy.argmax())]) + part / 2
    return [Point(best, image.height / 2) if sideways else Point(image.width / 2, best)]


def edge_points(image: Image.Image) -> list[Point]:
    """Strong corners (Shi and Tomasi, "Good Features to Track", 1994)."""
    grey = _grey(image)
    mask = np.full(grey.shape, 255, dtype=np.uint8)
    mask[int(image.height * (1 - WATERMARK)) :] = 0
    found = opencv().goodFeaturesToTrack(
        grey, MOST_CORNERS, CORNER_QUALITY, min(image.size) * CORNER_DISTANCE, mask=mask
    )
    return [Point(float(x), float(y)) for x, y in np.reshape(found, (-1, 2))] if found is not None else []


def mean(points: Sequence[Point]) -> Point:
    return Point(sum(p.x for p in points) / len(points), sum(p.y for p in points) / len(points))


def _grey(image: Image.Image) -> npt.NDArray[np.uint8]:
    return np.asarray(image.convert("L"), dtype=np.uint8)
