"""All training pictures that the settings make of one image."""

from __future__ import annotations

from dataclasses import dataclass

from PIL import Image

from train_tools.dataset.operations.alpha import with_mask
from train_tools.dataset.operations.auto_size import auto_sized_crop
from train_tools.dataset.operations.centre import centre_crop
from train_tools.dataset.operations.crop import Box, Crop, cut_out
from train_tools.dataset.operations.flip import flipped
from train_tools.dataset.operations.focal import Focus, focal_crop
from train_tools.dataset.operations.small import SKIP, UPSCALE, small_image
from train_tools.dataset.operations.split import split_oversized
from train_tools.dataset.operations.whole import WHOLE, whole_image
from train_tools.dataset.settings import DatasetSettings


@dataclass(frozen=True)
class Cuts:
    """`note` is what to know about the image; without crops, why there are none."""

    crops: tuple[Crop, ...]
    focus: Focus | None
    note: str


@dataclass(frozen=True)
class Picture:
    """`piece` counts the crops of the image, `box` is the crop in fractions of its width and height."""

    image: Image.Image
    operation: str
    piece: int
    flipped: bool
    box: Box


def cuts_of(image: Image.Image, settings: DatasetSettings) -> Cuts:
    """Each operation that is on gives its crops; where none gives any, the image is only scaled.

    As in the webui, an image for which auto-sized crop finds no size is left out unless another one is on.
    """
    width, height = settings.width, settings.height
    crops: list[Crop] = []
    focus = None
    if settings.split:
        crops += split_oversized(image, width, height, settings.split_threshold, settings.overlap_ratio)
    if settings.focal_crop:
        focus = focal_crop(image, width, height, settings.focal_weights())
        crops.append(focus.crop)
    if settings.multicrop:
        auto = auto_sized_crop(
            image,
            (settings.multicrop_mindim, settings.multicrop_maxdim),
            (settings.multicrop_minarea, settings.multicrop_maxarea),
            settings.multicrop_objective,
            settings.multicrop_threshold,
        )
        crops += [auto] if auto else []
        if not crops:
            size = f"{image.width}x{image.height}"
            return Cuts((), focus, f"auto-sized crop has no size for its shape ({size}) within the bounds")
    elif not crops:
        scale = whole_image if settings.keep_aspect else centre_crop
        crops.append(scale(image, width, height))
    kept = [small for crop in crops if (small := small_image(crop, settings.small_images))]
    return Cuts(tuple(kept), focus, _remark(image, crops, settings))


def _remark(image: Image.Image, crops: list[Crop], settings: DatasetSettings) -> str:
    small = [crop for crop in crops if crop.is_enlarged]
    if not small:
        return ""
    own = f"{image.width}x{image.height}"
    if settings.small_images == UPSCALE:
        return f"enlarged from {own} pixels"
    is_whole = small[0].operation == WHOLE  # its size has the image's own shape
    width, height = (settings.width, settings.height) if is_whole else small[0].size
    left_out = "; left out" if settings.small_images == SKIP else ""
    return f"only {own} pixels, smaller than {width}x{height}{left_out}"


def pictures_of(
    image: Image.Image, alpha: Image.Image | None, cuts: Cuts, settings: DatasetSettings
) -> list[Picture]:
    """`image` is upright RGB, `alpha` its transparency; each crop, followed by its mirrored copy."""
    made = []
    for piece, crop in enumerate(cuts.crops):
        picture = cut_out(image, crop)
        if settings.alpha_mask and alpha is not None:
            picture = with_mask(picture, cut_out(alpha, crop))
        left, top, right, bottom = crop.box
        box = (left / image.width, top / image.height, right / image.width, bottom / image.height)
        made.append(Picture(picture, crop.operation, piece, False, box))
        if settings.flip:
            made.append(Picture(flipped(picture), crop.operation, piece, True, box))
    return made
