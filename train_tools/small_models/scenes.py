"""The little world that the shipped models know: plain shapes on plain backgrounds.

A scene is data; `prompt` says it in words, `draw` paints it, `sample` draws one by
chance. Some combinations are *held out*: no model of ours ever trains on them, so that
they measure whether a model follows a prompt or only remembers pictures.
"""

from __future__ import annotations

import math
import random
import zlib
from dataclasses import dataclass

from PIL import Image, ImageDraw

Point = tuple[float, float]

COLOURS: dict[str, tuple[int, int, int]] = {
    "red": (220, 40, 40),
    "green": (50, 160, 60),
    "blue": (40, 80, 220),
    "yellow": (240, 215, 50),
    "purple": (140, 60, 180),
    "orange": (245, 130, 30),
    "white": (245, 245, 245),
    "black": (25, 25, 25),
}
# Shapes that differ in more than their corners: a small model's squares and circles look alike.
SHAPES = ("circle", "triangle", "cross")
OTHER_SHAPES = ("square", "star")  # drawn for the autoencoder only
# Radius of the circumscribed circle as a share of the picture's width. No word means medium.
SIZES = {"small": 0.21, "": 0.27, "large": 0.34}
# Centre of the thing, as a share of width and height. No word means anywhere.
POSITIONS: dict[str, Point] = {
    "top left": (0.36, 0.36),
    "top right": (0.64, 0.36),
    "bottom left": (0.36, 0.64),
    "bottom right": (0.64, 0.64),
    "center": (0.5, 0.5),
}
SUPERSAMPLING = 4  # drawn this many times larger, then averaged: soft edges
HELD_OUT_SHARE = 7  # of so many combinations of shape, colour and background, one is tested


@dataclass(frozen=True)
class Thing:
    """One shape. `size` and `position` are keys of SIZES and POSITIONS; "" leaves them open."""

    shape: str
    colour: str
    size: str = ""
    position: str = ""


@dataclass(frozen=True)
class Scene:
    """One thing, or two side by side (the first is left of the second)."""

    background: str
    things: tuple[Thing, ...]


def held_out(thing: Thing, background: str) -> bool:
    """True where no model may train on this combination of shape, colour, background, size and place.

    Of one (shape, colour, background) in HELD_OUT_SHARE, three quarters of the sizes and places: if all were
    left out, a colour and a background would tell which shape it can't be.
    """
    words = f"{thing.shape}/{thing.colour}/{background}"
    details = f"{words}/{thing.size}/{thing.position}"
    is_detailed = bool(thing.size or thing.position)
    return is_detailed and _hash(words) % HELD_OUT_SHARE == 0 and _hash(details) % 4 != 0


def _hash(text: str) -> int:
    return zlib.crc32(text.encode())


def is_held_out(scene: Scene) -> bool:
    return any(held_out(thing, scene.background) for thing in scene.things)


def prompt(scene: Scene) -> str:
    """The scene in words, e.g. `a red circle on a blue background, small, top left`."""
    words = " left of ".join(f"a {t.colour} {t.shape}" for t in scene.things)
    words = words.replace("a orange", "an orange")
    details = [d for t in scene.things[:1] for d in (t.size, t.position) if d]
    if len(scene.things) > 1:
        details = []
    article = "an" if scene.background == "orange" else "a"
    return ", ".join([f"{words} on {article} {scene.background} background", *details])


def sample(rng: random.Random, two_objects: float = 0.0) -> Scene:
    """A scene by chance, held-out ones included; `two_objects` is the share with two things."""
    background = rng.choice(list(COLOURS))

    def thing() -> Thing:
        colour = rng.choice([c for c in COLOURS if c != background])
        return Thing(rng.choice(SHAPES), colour, *_details(rng))

    if rng.random() < two_objects:
        first, second = thing(), thing()
        return Scene(background, tuple(Thing(t.shape, t.colour) for t in (first, second)))
    return Scene(background, (thing(),))


def sample_trained(rng: random.Random, two_objects: float = 0.0) -> Scene:
    """As `sample`, but never held out.

    Only sizes and places are drawn again, so that every colour and background is seen with every shape alike.
    """
    scene = sample(rng, two_objects)
    while is_held_out(scene):
        thing = scene.things[0]
        scene = Scene(scene.background, (Thing(thing.shape, thing.colour, *_details(rng)),))
    return scene


def _details(rng: random.Random) -> tuple[str, str]:
    """A size and a position."""
    return rng.choice(list(SIZES)), rng.choice([*POSITIONS, ""])


def outline(shape: str, centre: Point, radius: float) -> list[Point]:
    """Corners of `shape` in the same units as `centre` and `radius`; a circle has 48."""
    x, y = centre
    if shape == "circle":
        radii, first, count = [radius * 0.92], 0.0, 48
    elif shape == "triangle":
        radii, first, count = [radius * 1.15], -math.pi / 2, 3
        y += radius * 0.2
    elif shape == "cross":
        arm = radius * 0.34
        long = radius * 1.02
        quarter = [(arm, -long), (arm, -arm), (long, -arm)]
        turns = ((1, 0), (0, 1), (-1, 0), (0, -1))
        return [(x + a * c - b * s, y + a * s + b * c) for c, s in turns for a, b in quarter]
    elif shape == "square":
        radii, first, count = [radius * 1.1], math.pi / 4, 4
    elif shape == "star":
        radii, first, count = [radius * 1.15, radius * 0.48], -math.pi / 2, 10
    else:
        raise ValueError(f"unknown shape {shape!r}; known: {', '.join((*SHAPES, *OTHER_SHAPES))}")
    angles = [first + 2 * math.pi * i / count for i in range(count)]
    return [
        (x + radii[i % len(radii)] * math.cos(a), y + radii[i % len(radii)] * math.sin(a))
        for i, a in enumerate(angles)
    ]


def draw(scene: Scene, rng: random.Random, width: int = 64) -> Image.Image:
    """Paints the scene as an RGB picture of `width` x `width` pixels.

    What the words leave open (an unnamed position, the exact place, a touch of colour)
    is drawn from `rng`.
    """
    big = width * SUPERSAMPLING
    picture = Image.new("RGB", (big, big), _tint(COLOURS[scene.background], rng))
    pen = ImageDraw.Draw(picture)
    for thing, (centre, radius) in zip(scene.things, _places(scene, rng), strict=True):
        corners = outline(thing.shape, (centre[0] * big, centre[1] * big), radius * big)
        pen.polygon(corners, fill=_tint(COLOURS[thing.colour], rng))
    return picture.resize((width, width), Image.Resampling.BOX)


def _places(scene: Scene, rng: random.Random) -> list[tuple[Point, float]]:
    if len(scene.things) == 2:
        return [((x + rng.uniform(-0.02, 0.02), 0.5 + rng.uniform(-0.06, 0.06)), 0.18) for x in (0.28, 0.72)]
    thing = scene.things[0]
    position = POSITIONS[thing.position or rng.choice(list(POSITIONS))]
    centre = (position[0] + rng.uniform(-0.025, 0.025), position[1] + rng.uniform(-0.025, 0.025))
    return [(centre, SIZES[thing.size] * rng.uniform(0.95, 1.05))]


def _tint(colour: tuple[int, int, int], rng: random.Random) -> tuple[int, int, int]:
    red, green, blue = (max(0, min(255, channel + rng.randint(-6, 6))) for channel in colour)
    return red, green, blue
