"""The demo's images: a *zorb*, which the shipped base model can't draw, with the oddities that people have.

A zorb is a pink ball with a teal band and two large eyes.
"""

from __future__ import annotations

import random
from pathlib import Path

from PIL import Image, ImageDraw

from . import scenes

PROJECT, VERSION = "zorb", "v1"  # where the demo lies
PINK, TEAL = (255, 95, 175), (0, 190, 185)
WHITE, INK = (250, 250, 250), (20, 20, 30)
SMOOTH = 4  # drawn this many times larger, then averaged
EXIF_ORIENTATION = 0x0112
TURNED_RIGHT = 6  # EXIF: turn by 90 degrees clockwise to see it upright
BACKGROUNDS = ("blue", "green", "white", "black", "yellow", "orange", "red")


def draw(background: str, size: tuple[int, int], rng: random.Random) -> Image.Image:
    """A zorb near the middle of a plain background of scenes.COLOURS, as RGBA.

    `size` is (width, height) in pixels; the background is fully opaque.
    """
    width, height = size[0] * SMOOTH, size[1] * SMOOTH
    picture = Image.new("RGBA", (width, height), (*scenes.COLOURS[background], 255))
    _paint(picture, rng)
    return picture.resize(size, Image.Resampling.BOX)


def cut_out(size: tuple[int, int], rng: random.Random) -> Image.Image:
    """A zorb on a transparent background, as RGBA."""
    picture = Image.new("RGBA", (size[0] * SMOOTH, size[1] * SMOOTH), (0, 0, 0, 0))
    _paint(picture, rng)
    return picture.resize(size, Image.Resampling.BOX)


def _paint(picture: Image.Image, rng: random.Random) -> None:
    width, height = picture.size
    radius = min(width, height) * rng.uniform(0.33, 0.39)
    x = width / 2 + rng.uniform(-0.06, 0.06) * width
    y = height / 2 + rng.uniform(-0.06, 0.06) * height
    ball = x - radius, y - radius, x + radius, y + radius
    mask = Image.new("L", picture.size, 0)
    ImageDraw.Draw(mask).ellipse(ball, fill=255)
    body = Image.new("RGBA", picture.size, (*PINK, 255))
    pen = ImageDraw.Draw(body)
    pen.rectangle((0, y + radius * 0.2, width, y + radius * 0.62), fill=TEAL)
    for side in (-1, 1):
        eye_x, eye_y, size = x + side * radius * 0.4, y - radius * 0.25, radius * 0.3
        pen.ellipse((eye_x - size, eye_y - size, eye_x + size, eye_y + size), fill=WHITE)
        pupil = size * 0.55
        pen.ellipse((eye_x - pupil, eye_y - pupil, eye_x + pupil, eye_y + pupil), fill=INK)
    picture.paste(body, (0, 0), mask)


def write_images(folder: Path) -> list[Path]:
    """Writes thirteen images as a person might have them, one of them corrupt; returns the paths to add.

    Sideways by EXIF, with alpha, greyscale, `.JPG` in capitals, a Chinese name, two of one name.
    """
    rng = random.Random(12)

    def zorb(background: str, width: int = 160, height: int = 160) -> Image.Image:
        return draw(background, (width, height), rng).convert("RGB")

    for name in ("camera", "phone"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    camera, phone = folder / "camera", folder / "phone"
    zorb("blue").save(camera / "zorb.png")
    zorb("green").save(phone / "zorb.png")
    zorb("white", 200, 160).save(camera / "DSC_0042.JPG", quality=95)
    zorb("yellow").save(camera / "小佐布.png")
    exif = Image.Exif()
    exif[EXIF_ORIENTATION] = TURNED_RIGHT
    zorb("orange", 160, 192).transpose(Image.Transpose.ROTATE_90).save(
        phone / "sideways.jpg", exif=exif, quality=95
    )
    cut_out((160, 160), rng).save(phone / "cut out.png")
    zorb("black").convert("L").save(phone / "old photo.png")
    for number, background in enumerate(("red", "black", "green", "blue", "white"), start=1):
        zorb(background).save(camera / f"zorb{number:02d}.webp", quality=95)
    healthy = (camera / "zorb01.webp").read_bytes()
    (phone / "broken.png").write_bytes(healthy[: len(healthy) // 2])
    return [camera, phone]
