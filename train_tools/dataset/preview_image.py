"""One sheet that shows what all operations make of one original, before they run on all."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from PIL import Image, ImageDraw

from train_tools.dataset.by_hand import ByHand
from train_tools.dataset.images import decode, read_data, read_mask, split_alpha
from train_tools.dataset.looks import digest
from train_tools.dataset.operations.alpha import with_given_mask
from train_tools.dataset.operations.crop import Crop
from train_tools.dataset.operations.focal import draw_focus
from train_tools.dataset.originals import Original, masks_among, originals_in, picture_files
from train_tools.dataset.pictures import Cuts, cuts_of, pictures_of
from train_tools.dataset.settings import DatasetSettings
from train_tools.errors import UsageError
from train_tools.workspace.files import require_inside
from train_tools.workspace.workspace import Version

SIDE = 384  # pixels; the largest that a picture has on the sheet
MARGIN = 12
LABEL = 18  # pixels, a line below each picture
COLUMNS = 4
GROUND, INK, MASKED = "#202020", "white", "#ff00ff"
BOX_COLOURS = ("lime", "cyan", "orange", "magenta", "white")


@dataclass(frozen=True)
class PicturePlan:
    """One picture that would be made; `box` in fractions of the upright original."""

    operation: str
    flipped: bool
    width: int
    height: int
    box: tuple[float, float, float, float]


@dataclass(frozen=True)
class ImagePreview:
    """`overlay` shows the original with every crop and the focal points; `small` each picture of `pictures`."""

    name: str
    width: int
    height: int
    pictures: tuple[PicturePlan, ...]
    note: str
    overlay: Image.Image
    small: tuple[Image.Image, ...]

    @property
    def sheet(self) -> Image.Image:
        """All of them, with their names, in one picture."""
        tiles = [(self.overlay, f"original {self.width}x{self.height}")]
        tiles += [(image, label(plan)) for image, plan in zip(self.small, self.pictures, strict=True)]
        return sheet_of(tiles)


def preview_image(version: Version, name: str, settings: DatasetSettings) -> ImagePreview:
    """Reads one original and writes nothing.

    Raises UsageError where there is no original of that name, UnreadableImageError where it is damaged.
    """
    original = find_original(version, name)
    data = read_data(original.path)
    whole, alpha = split_alpha(decode(data), settings.background())
    known = ByHand.of(version)
    touch = known.touch(digest(data))
    if settings.alpha_mask and (mask := known.mask_file(touch) or given_mask(original)):
        alpha = with_given_mask(alpha, read_mask(read_data(mask)), whole.size)
    rgb, alpha = touch.cut(whole), alpha and touch.cut(alpha)
    cuts = cuts_of(rgb, settings)
    pictures = pictures_of(rgb, alpha, cuts, settings)
    return ImagePreview(
        name=original.name,
        width=whole.width,
        height=whole.height,
        pictures=tuple(
            PicturePlan(p.operation, p.flipped, *p.image.size, touch.within(p.box)) for p in pictures
        ),
        note=cuts.note,
        overlay=overlay(rgb, cuts),
        small=tuple(shrunk(visible(picture.image)) for picture in pictures),
    )


def given_mask(original: Original) -> Path | None:
    """What lies beside the image as its mask."""
    return masks_among(picture_files(original.path.parent)).get(original.path.stem)


def find_original(version: Version, name: str) -> Original:
    """By its name in dataset/origin; without the concept's folder where that is clear."""
    originals = originals_in(version.origin)
    found = [o for o in originals if o.name == name] or [o for o in originals if o.path.name == name]
    if len(found) != 1:
        many = f"there are several: {', '.join(o.name for o in found)}"
        where = "look into dataset/origin, or add it with `dataset add`"
        raise UsageError(
            f"{version.project} {version.name} has no original {name!r}; {many if found else where}"
        )
    require_inside(found[0].path, version.origin)
    return found[0]


def overlay(image: Image.Image, cuts: Cuts) -> Image.Image:
    """The image, small, with the crops' frames and, where there is one, the focal point."""
    small = shrunk(image)
    scale = small.width / image.width
    drawing = ImageDraw.Draw(small)
    for number, crop in enumerate(cuts.crops):
        drawing.rectangle(frame(crop, scale), outline=BOX_COLOURS[number % len(BOX_COLOURS)], width=2)
    if cuts.focus:
        draw_focus(small, cuts.focus, scale)
    return small


def frame(crop: Crop, scale: float) -> tuple[float, float, float, float]:
    left, top, right, bottom = (value * scale for value in crop.box)
    return left, top, max(left, right - 1), max(top, bottom - 1)


def label(picture: PicturePlan) -> str:
    mirrored = ", flipped" if picture.flipped else ""
    return f"{picture.operation}{mirrored} {picture.width}x{picture.height}"


def visible(image: Image.Image) -> Image.Image:
    """A mask's transparent parts in a colour that pictures rarely have."""
    if image.mode != "RGBA":
        return image
    ground = Image.new("RGB", image.size, MASKED)
    ground.paste(image, mask=image.getchannel("A"))
    return ground


def shrunk(image: Image.Image) -> Image.Image:
    small = image.copy()
    small.thumbnail((SIDE, SIDE))
    return small


def sheet_of(tiles: list[tuple[Image.Image, str]]) -> Image.Image:
    columns = min(COLUMNS, len(tiles))
    rows = -(-len(tiles) // columns)
    cell = SIDE + MARGIN
    sheet = Image.new("RGB", (columns * cell + MARGIN, rows * (cell + LABEL) + MARGIN), GROUND)
    drawing = ImageDraw.Draw(sheet)
    for number, (tile, text) in enumerate(tiles):
        place = (MARGIN + number % columns * cell, MARGIN + number // columns * (cell + LABEL))
        sheet.paste(tile, place)
        drawing.text((place[0], place[1] + tile.height + 3), text, fill=INK)
    return sheet
