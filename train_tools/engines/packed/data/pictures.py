"""A training image as a run sees it: scaled, cut and coloured as sd-scripts does, and the mask that lies on it.

After resize_image in sd-scripts' library/utils.py, trim_and_resize_if_required, crop_target and AugHelper in its
library/train_util.py, and apply_masked_loss in its library/custom_train_functions.py (48d368fa). What is drawn depends
on sizes alone, so a run that goes on from a state draws again what it has seen without reading a picture.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

from train_tools.dataset.buckets import Size
from train_tools.dataset.opencv import opencv
from train_tools.engines.packed.config import GIVEN_MASKS, RunConfig
from train_tools.errors import TrainToolsError
from train_tools.families.stable_diffusion.latents import FACTOR

Pixels = npt.NDArray[np.uint8]  # (height, width, 3), or (height, width) of a mask
Face = tuple[int, int, int, int]  # centre and size, in pixels of the image

BY_PILLOW = {"lanczos": Image.Resampling.LANCZOS, "box": Image.Resampling.BOX}
BY_OPENCV = {
    "nearest": "INTER_NEAREST_EXACT", "bilinear": "INTER_LINEAR", "linear": "INTER_LINEAR", "bicubic": "INTER_CUBIC",
    "cubic": "INTER_CUBIC", "area": "INTER_AREA",
}  # fmt: skip
COLOURED, SHIFTED = 0.33, 0.5  # share of pictures whose colours are varied, and of these by their hue
HUE, HUES = 8.0, 180  # farthest shift, and OpenCV's whole circle
GAMMA = (0.95, 1.05)
FACE_SHARE, SMALL_FACE = 10, 40  # below these a face isn't moved about
KEPT_BYTES = 512 << 20  # of scaled pictures that are cut anew each time


@dataclass(frozen=True)
class Item:
    """One training image. Sizes are (width, height) in pixels. `lines` are its caption's, blank ones left out.

    `original` is the image's own size, `mask` the picture of what is to be learned of it, where there is one.
    `dataset` counts the run's sizes: at each of several an image is an item of its own, as sd-scripts has a dataset for
    each.
    """

    path: Path
    folder: str
    caption: str
    repeats: int
    resized: Size
    bucket: Size
    is_reg: bool = False
    lines: tuple[str, ...] = ()
    original: Size = (0, 0)
    mask: Path | None = None
    dataset: int = 0

    @property
    def face(self) -> Face | None:
        """As the file's name says it: `…_<centre x>_<centre y>_<width>_<height>`."""
        parts = self.path.stem.split("_")
        if len(parts) < 5 or not all(part.isascii() and part.isdigit() for part in parts[-4:]):
            return None
        x, y, width, height = map(int, parts[-4:])
        return (x, y, width, height) if x > 0 and max(width, height) > 0 else None


@dataclass(frozen=True)
class View:
    """What is drawn for one showing of a picture: its size before it is cut, where that begins, and its colours.

    `hue` is a shift on OpenCV's circle, `gamma` an exponent; 0 and 1 change nothing. `noise` is what the latent's
    sample is drawn from.
    """

    resized: Size
    left: int
    top: int
    hue: float = 0.0
    gamma: float = 1.0
    noise: int = 0


def middle(item: Item) -> View:
    """Nothing drawn."""
    left, top = ((r - b) // 2 for r, b in zip(item.resized, item.bucket, strict=True))
    return View(item.resized, left, top)


def drawn(item: Item, config: RunConfig, chances: random.Random) -> View:
    """How a run sees it this time."""
    cut = _cut(item, config, chances)
    hue, gamma = 0.0, 1.0
    if config.color_aug and chances.random() <= COLOURED:
        if chances.random() > SHIFTED:
            hue = chances.uniform(-HUE, HUE)
        else:
            gamma = chances.uniform(*GAMMA)
    return View(cut.resized, cut.left, cut.top, hue, gamma, chances.getrandbits(62))


def _cut(item: Item, config: RunConfig, chances: random.Random) -> View:
    covers = all(o >= b for o, b in zip(item.original, item.bucket, strict=True))
    if not config.enable_bucket and covers:
        if config.face_crop_aug_range and item.face is not None:
            return _around_face(item, item.face, config, chances)
        if config.random_crop:  # without buckets nothing is shrunk before
            return _anywhere(item.original, item.bucket, chances)
    return _anywhere(item.resized, item.bucket, chances) if config.random_crop else middle(item)


def _anywhere(resized: Size, bucket: Size, chances: random.Random) -> View:
    left, top = (chances.randint(0, r - b) if r > b else 0 for r, b in zip(resized, bucket, strict=True))
    return View(resized, left, top)


def _around_face(item: Item, face: Face, config: RunConfig, chances: random.Random) -> View:
    """The face in the middle, the picture's short side so many times its size."""
    if item.original == item.bucket:
        return View(item.original, 0, 0)
    least, most = config.face_crop_aug_range or (1.0, 1.0)
    size, short = max(face[2:]), min(item.bucket)
    fitting = max(b / o for b, o in zip(item.bucket, item.original, strict=True))
    low = min(1.0, max(fitting, short / (size * most)))
    high = min(1.0, max(low, short / (size * least)))
    scale = low if low >= high else chances.uniform(low, high)
    width, height = (int(side * scale + 0.5) for side in item.original)
    places = []
    for target, length, centre in (
        (item.bucket[1], height, int(face[1] * scale + 0.5)),
        (item.bucket[0], width, int(face[0] * scale + 0.5)),
    ):
        start = centre - target // 2
        if config.random_crop:
            span = max(length - centre, centre)
            start += chances.randint(0, span) + chances.randint(0, span) - span
        elif least != most and size > short // FACE_SHARE and size >= SMALL_FACE:
            start += chances.randint(-size // 20, size // 20)
        places.append(max(0, min(start, length - target)))
    return View((width, height), places[1], places[0])


class Pictures:
    """Reads and scales pictures; those that are shown again in other cuts are kept while memory allows."""

    def __init__(self, interpolation: str = "") -> None:
        """`interpolation` is resize_interpolation; empty: what suits."""
        self._interpolation = interpolation
        self._kept: dict[tuple[Path, Size], Pixels] = {}
        self._bytes = 0

    def pixels(self, item: Item, view: View | None = None) -> Tensor:
        """(3, height, width) of its bucket, -1 … 1."""
        view = view or middle(item)
        image = self._whole(item.path, view.resized)
        image = _coloured(_cut_out(image, item, view), view)
        return torch.from_numpy(np.array(image)).permute(2, 0, 1).float() / 127.5 - 1

    def mask(self, item: Item, kind: str, view: View | None = None) -> Tensor:
        """(1, height, width) of its latents, 0 … 1: how much of the error counts there."""
        view = view or middle(item)
        width, height = (side // FACTOR for side in item.bucket)
        mask = _given(item) if kind == GIVEN_MASKS else _alpha(item)
        if mask is None:
            return torch.ones(1, height, width)
        cut = _cut_out(scaled(mask, view.resized, self._interpolation), item, view)
        values = torch.from_numpy(np.array(cut)).float() / 255
        return F.interpolate(values[None, None], size=(height, width), mode="area")[0]

    def _whole(self, path: Path, size: Size) -> Pixels:
        found = self._kept.get((path, size))
        if found is None:
            found = scaled(_read(path, _rgb), size, self._interpolation)
            if self._bytes + found.nbytes <= KEPT_BYTES:
                self._kept[path, size] = found
                self._bytes += found.nbytes
        return found


def scaled(image: Pixels, size: Size, interpolation: str = "") -> Pixels:
    """By the areas of its pixels where it is made smaller, else by Lanczos, unless something else is asked for."""
    height, width = image.shape[:2]
    if (width, height) == size:
        return image
    way = interpolation or ("area" if width >= size[0] and height >= size[1] else "lanczos")
    if way in BY_PILLOW:
        return np.asarray(Image.fromarray(image).resize(size, BY_PILLOW[way]))
    cv2 = opencv()
    found: Pixels = cv2.resize(image, size, interpolation=getattr(cv2, BY_OPENCV[way]))
    return found


def _cut_out(image: Pixels, item: Item, view: View) -> Pixels:
    width, height = item.bucket
    return image[view.top : view.top + height, view.left : view.left + width]


def _coloured(image: Pixels, view: View) -> Pixels:
    if view.hue:
        cv2 = opencv()
        found = cv2.cvtColor(np.ascontiguousarray(image), cv2.COLOR_BGR2HSV)
        # Cut off to whole numbers, as there.
        found[..., 0] = ((found[..., 0] + view.hue % HUES) % HUES).astype(np.uint8)
        coloured: Pixels = cv2.cvtColor(found, cv2.COLOR_HSV2BGR)
        return coloured
    if view.gamma != 1:
        curve = (np.arange(256) ** view.gamma).clip(0, 255).astype(np.uint8)  # of 0 … 255, as there
        return curve[image]
    return image


def _given(item: Item) -> Pixels | None:
    """Of the picture beside it, as large as the image; its red counts."""
    if item.mask is None:
        return None
    mask = _read(item.mask, _rgb)[..., 0]
    if mask.shape != item.original[::-1]:
        return np.asarray(Image.fromarray(mask).resize(item.original, Image.Resampling.BILINEAR))
    return np.ascontiguousarray(mask)


def _alpha(item: Item) -> Pixels:
    return _read(item.path, lambda image: np.asarray(image.convert("RGBA").getchannel("A")))


def _rgb(image: Image.Image) -> Pixels:
    return np.asarray(image.convert("RGB"))


def _read(path: Path, what: Callable[[Image.Image], Pixels]) -> Pixels:
    try:
        with Image.open(path) as opened:
            return what(opened)
    except Exception as error:  # Pillow raises a dozen kinds on damaged data
        raise TrainToolsError(
            f"the picture {path} can't be read; run `dataset process` again or remove it"
        ) from error
