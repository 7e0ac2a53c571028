"""Pictures as people have them, made into upright sRGB pixels."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
from PIL import Image, ImageCms, ImageOps, UnidentifiedImageError

from train_tools.dataset.formats import HAS_HEIF, HEAD_BYTES, HEIF, open_header, suffix_of
from train_tools.dataset.unread import other_content
from train_tools.errors import TrainToolsError

Colour = tuple[int, int, int]
ORIENTATION = 0x0112  # EXIF's tag


class UnreadableImageError(TrainToolsError):
    """A file that is no whole picture; the text is the reason, without the file's name."""


def decode(data: bytes) -> Image.Image:
    """The first frame, fully decoded; raises UnreadableImageError where damaged, cut off or huge."""
    if not data:
        raise UnreadableImageError("the file is empty")
    try:
        image = open_header(io.BytesIO(data))
        image.load()
        return image
    except UnidentifiedImageError as error:
        if not HAS_HEIF and suffix_of(data[:HEAD_BYTES]) == HEIF[0]:
            raise UnreadableImageError(
                "HEIC pictures need the package pillow-heif; run `env upgrade`, or save it as JPEG"
            ) from error
        unknown = "it isn't a picture in a format that is read, or it is damaged"
        raise UnreadableImageError(other_content(data[:HEAD_BYTES]) or unknown) from error
    except Image.DecompressionBombError as error:
        raise UnreadableImageError(
            "it has too many pixels (more than 178 million); scale it down first"
        ) from error
    except Exception as error:  # Pillow's decoders raise a dozen kinds on damaged data
        raise UnreadableImageError(f"it is damaged ({str(error) or type(error).__name__})") from error


def open_image(path: Path) -> Image.Image:
    """`decode` of a file; raises UnreadableImageError where it can't be read at all, too."""
    return decode(read_data(path))


def read_data(path: Path) -> bytes:
    """Raises UnreadableImageError."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise UnreadableImageError(f"it can't be read ({error.strerror})") from error


def frames(image: Image.Image) -> int:
    """Pictures in the file; the several views of an MPO or HEIF, as phones write them, count as one."""
    return 1 if image.format in ("MPO", "HEIF") else int(getattr(image, "n_frames", 1))


def pixel_count(data: bytes) -> int:
    """What `decode` will hold, from the file's head; 0 where that can't be read."""
    try:
        with open_header(io.BytesIO(data)) as image:
            return image.width * image.height
    except Exception:  # `decode` says what is wrong
        return 0


def to_rgb(image: Image.Image, background: Colour = (255, 255, 255)) -> Image.Image:
    """Upright, sRGB, 8 bits, without alpha (laid onto `background`) and without metadata."""
    return split_alpha(image, background)[0]


def split_alpha(image: Image.Image, background: Colour) -> tuple[Image.Image, Image.Image | None]:
    """`to_rgb`, and the transparency as `L` (0: nothing there); None where there is none."""
    profile = image.info.get("icc_profile")
    eight_bits = to_eight_bits(upright(image))
    alpha = alpha_of(eight_bits)
    colour = to_srgb(eight_bits, profile)
    if alpha is not None:
        ground = Image.new("RGB", colour.size, background)
        ground.paste(colour, mask=alpha)
        colour = ground
    colour.info = {}
    return colour, alpha


def read_mask(data: bytes) -> Image.Image:
    """As `L`, upright: 255 is learnt, 0 isn't. Raises UnreadableImageError."""
    try:
        return to_rgb(decode(data), (0, 0, 0)).convert("L")
    except UnreadableImageError as error:
        raise UnreadableImageError(f"its mask can't be used: {error}") from error


def is_plain(image: Image.Image) -> bool:
    """One upright picture in 8-bit sRGB without transparency, which any program shows alike."""
    if image.mode not in ("RGB", "L") or "transparency" in image.info or frames(image) > 1:
        return False
    try:
        turned = image.getexif().get(ORIENTATION, 1) != 1
        profile = image.info.get("icc_profile")
        named = (
            ImageCms.getProfileDescription(ImageCms.ImageCmsProfile(io.BytesIO(profile)))
            if profile
            else "sRGB"
        )
    except Exception:  # damaged EXIF or profile
        return False
    return not turned and "sRGB" in named


def upright(image: Image.Image) -> Image.Image:
    try:
        turned = image.getexif().get(ORIENTATION, 1) != 1
        return ImageOps.exif_transpose(image) if turned else image  # it would copy what needs no turning
    except Exception:  # damaged EXIF says nothing about the pixels, which are whole
        return image


def to_eight_bits(image: Image.Image) -> Image.Image:
    """16-bit greyscale, 32-bit integers and floats to `L`; other modes as they are."""
    if image.mode == "F":
        values = np.nan_to_num(np.asarray(image, dtype=np.float64))
        white = 1.0 if values.max() <= 1 else 255.0 if values.max() <= 255 else float(values.max())
    elif image.mode.startswith("I"):
        values = np.asarray(image.convert("I"), dtype=np.float64)
        white = 65535.0 if values.max() <= 65535 else float(values.max())
    else:
        return image
    return Image.fromarray((values * (255 / white)).round().clip(0, 255).astype(np.uint8))


def alpha_of(image: Image.Image) -> Image.Image | None:
    """The transparency as `L`, from an alpha channel or one marked colour; None where all is opaque."""
    if image.mode not in ("RGBA", "LA", "PA", "RGBa", "La") and "transparency" not in image.info:
        return None
    if image.mode in ("RGBa", "La"):  # premultiplied; Pillow converts these only to their plain twins
        image = image.convert("RGBA" if image.mode == "RGBa" else "LA")
    return image.convert("RGBA").getchannel("A")


def to_srgb(image: Image.Image, profile: bytes | None) -> Image.Image:
    """A new image, RGB without alpha; through the embedded ICC profile where that is sound and fits the image."""
    opaque = without_alpha(image)
    if profile:
        try:
            source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
            if "sRGB" in ImageCms.getProfileDescription(source):
                return opaque.convert("RGB")
            converted = ImageCms.profileToProfile(
                opaque, source, ImageCms.createProfile("sRGB"), outputMode="RGB"
            )
        except (
            ImageCms.PyCMSError,
            OSError,
            ImportError,
        ):  # damaged, of another colour space, or no LittleCMS
            return opaque.convert("RGB")
        if converted is not None:
            return converted
    return opaque.convert("RGB")


def without_alpha(image: Image.Image) -> Image.Image:
    """In a mode that a profile may describe: RGB, L, CMYK or LAB."""
    if image.mode in ("LA", "La"):
        return image.convert("LA").convert("L")
    if image.mode in ("L", "RGB", "CMYK", "LAB"):
        return image
    return image.convert("RGBA").convert("RGB") if image.mode in ("P", "PA", "RGBa") else image.convert("RGB")
