"""Broader pictures than the scenes, for the VAE: what a user's own LoRA may need to draw."""

from __future__ import annotations

import math
import random

import numpy as np
from PIL import Image, ImageDraw

from . import scenes

Colour = tuple[int, int, int]


def any_colour(rng: random.Random) -> Colour:
    return rng.randrange(256), rng.randrange(256), rng.randrange(256)


def picture(rng: random.Random, width: int = 64) -> Image.Image:
    """A random RGB picture: polygons, stripes, faces, gradients, or several of them."""
    big = width * scenes.SUPERSAMPLING
    canvas = _gradient(big, rng) if rng.random() < 0.4 else Image.new("RGB", (big, big), any_colour(rng))
    for _ in range(rng.randint(1, 2)):
        rng.choice((_polygon, _stripes, _stripes, _face, _face, _strokes, _dots))(canvas, big, rng)
    small = canvas.resize((width, width), Image.Resampling.BOX)
    return small.rotate(90 * rng.randrange(4)) if rng.random() < 0.3 else small


def _gradient(big: int, rng: random.Random) -> Image.Image:
    start, end = np.array(any_colour(rng), float), np.array(any_colour(rng), float)
    angle = rng.uniform(0, 2 * math.pi)
    y, x = np.mgrid[0:big, 0:big] / big - 0.5
    share = np.clip(x * math.cos(angle) + y * math.sin(angle) + 0.5, 0, 1)[..., None]
    return Image.fromarray((start * (1 - share) + end * share).astype(np.uint8))


def _polygon(canvas: Image.Image, big: int, rng: random.Random) -> None:
    pen = ImageDraw.Draw(canvas)
    centre = rng.uniform(0, big), rng.uniform(0, big)
    radius = rng.uniform(0.08, 0.5) * big
    if rng.random() < 0.6:
        corners = scenes.outline(rng.choice((*scenes.SHAPES, *scenes.OTHER_SHAPES)), centre, radius)
    else:
        count = rng.randint(3, 9)
        turn = rng.uniform(0, 6.3)
        corners = [
            (
                centre[0] + radius * rng.uniform(0.4, 1) * math.cos(turn + 6.283 * i / count),
                centre[1] + radius * rng.uniform(0.4, 1) * math.sin(turn + 6.283 * i / count),
            )
            for i in range(count)
        ]
    pen.polygon(corners, fill=any_colour(rng))


def _stripes(canvas: Image.Image, big: int, rng: random.Random) -> None:
    """Stripes inside a disc: the pattern of a ball or a shirt."""
    width = rng.uniform(0.07, 0.16) * big
    first, second = any_colour(rng), any_colour(rng)
    layer = Image.new("RGB", (big, big), first)
    brush = ImageDraw.Draw(layer)
    for i in range(0, int(2 * big / width), 2):
        brush.rectangle((i * width, 0, (i + 1) * width, big), fill=second)
    layer = layer.rotate(rng.choice((0, 45, 90, 135)), expand=False, fillcolor=first)
    mask = Image.new("L", (big, big), 0)
    x, y, r = rng.uniform(0.3, 0.7) * big, rng.uniform(0.3, 0.7) * big, rng.uniform(0.2, 0.5) * big
    ImageDraw.Draw(mask).ellipse((x - r, y - r, x + r, y + r), fill=255)
    canvas.paste(layer, (0, 0), mask)


def _face(canvas: Image.Image, big: int, rng: random.Random) -> None:
    pen = ImageDraw.Draw(canvas)
    x, y, r = rng.uniform(0.35, 0.65) * big, rng.uniform(0.35, 0.65) * big, rng.uniform(0.25, 0.45) * big
    pen.ellipse((x - r, y - r, x + r, y + r), fill=any_colour(rng))
    ink = any_colour(rng)
    for side in (-1, 1):
        ex, ey, er = x + side * r * 0.4, y - r * 0.25, r * rng.uniform(0.14, 0.26)
        pen.ellipse((ex - er, ey - er, ex + er, ey + er), fill=ink)
    mouth = (x - r * 0.5, y - r * 0.2, x + r * 0.5, y + r * 0.6)
    pen.arc(mouth, 20, 160, fill=ink, width=max(1, int(r * 0.18)))


def _strokes(canvas: Image.Image, big: int, rng: random.Random) -> None:
    pen = ImageDraw.Draw(canvas)
    for _ in range(rng.randint(1, 5)):
        ends = [rng.uniform(0, big) for _ in range(4)]
        pen.line(ends, fill=any_colour(rng), width=int(rng.uniform(0.04, 0.1) * big))


def _dots(canvas: Image.Image, big: int, rng: random.Random) -> None:
    pen = ImageDraw.Draw(canvas)
    radius, colour = rng.uniform(0.04, 0.09) * big, any_colour(rng)
    for _ in range(rng.randint(3, 12)):
        x, y = rng.uniform(0, big), rng.uniform(0, big)
        pen.ellipse((x - radius, y - radius, x + radius, y + radius), fill=colour)
