"""Reads a picture of one thing back into words, by image analysis alone: no network, no training.

The check behind the figures of the shipped models. On pictures that `scenes.draw` makes it is
right every time; a wrong or blurred picture from a model counts as the nearest scene.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from . import scenes

FOREGROUND_DISTANCE = 70.0  # RGB distance from the background that makes a pixel part of the thing
GRID = 32  # a thing's outline is compared on a grid of GRID x GRID cells


@dataclass(frozen=True)
class Reading:
    """What a picture shows; `shape` and `colour` are "" where nothing stands out."""

    background: str
    colour: str = ""
    shape: str = ""


def read(picture: Image.Image) -> Reading:
    """The background, colour and shape in an RGB picture of any size."""
    pixels = np.asarray(picture.convert("RGB").filter(ImageFilter.MedianFilter(3)), float)
    frame = np.concatenate(
        [
            pixels[:2].reshape(-1, 3),
            pixels[-2:].reshape(-1, 3),
            pixels[:, :2].reshape(-1, 3),
            pixels[:, -2:].reshape(-1, 3),
        ]
    )
    ground = np.median(frame, axis=0)
    mask = np.linalg.norm(pixels - ground, axis=-1) > FOREGROUND_DISTANCE
    if mask.mean() < 0.01:
        return Reading(nearest_colour(ground))
    colour = np.median(pixels[mask], axis=0)
    return Reading(nearest_colour(ground), nearest_colour(colour), nearest_shape(mask))


def nearest_colour(rgb: NDArray[np.float64]) -> str:
    return min(scenes.COLOURS, key=lambda name: float(np.linalg.norm(rgb - scenes.COLOURS[name])))


def nearest_shape(mask: NDArray[np.bool_]) -> str:
    """The shape whose outline overlaps most (intersection over union) with `mask`, cropped."""
    found = _cropped(mask)

    def overlap(shape: str) -> float:
        template = _template(shape)
        return float((found & template).sum() / (found | template).sum())

    return max(scenes.SHAPES, key=overlap)


def _cropped(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    part = mask[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    image = Image.fromarray((part * 255).astype(np.uint8)).resize((GRID, GRID), Image.Resampling.BILINEAR)
    return np.asarray(image) > 127


@cache
def _template(shape: str) -> NDArray[np.bool_]:
    scene = scenes.Scene("white", (scenes.Thing(shape, "black", "large", "center"),))
    drawn = np.asarray(scenes.draw(scene, random.Random(0), 128), float)
    return _cropped(drawn.mean(-1) < 128)
