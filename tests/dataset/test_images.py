from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageCms

from train_tools.dataset.images import UnreadableImageError, decode, open_image, to_rgb


def reopened(image: Image.Image, kind: str, **options: Any) -> Image.Image:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return decode(buffer.getvalue())


def close(image: Image.Image, place: tuple[int, int], colour: tuple[int, int, int], by: int = 3) -> bool:
    return bool(np.abs(np.subtract(image.getpixel(place), colour)).max() <= by)


def test_exif_rotation_is_applied_once() -> None:
    image = Image.new("RGB", (40, 20), "blue")
    image.paste("red", (0, 0, 20, 20))
    exif = Image.Exif()
    exif[0x0112] = 6  # turn right to see it upright
    result = to_rgb(reopened(image, "JPEG", exif=exif, quality=95))
    assert result.size == (20, 40)
    assert close(result, (10, 5), (255, 0, 0), 8)
    assert close(result, (10, 35), (0, 0, 255), 8)
    assert result.info == {}
    assert to_rgb(reopened(result, "PNG")).size == (20, 40)


def test_alpha_is_laid_onto_the_chosen_colour() -> None:
    image = Image.new("RGBA", (8, 8), (255, 0, 0, 0))
    image.paste((255, 0, 0, 255), (0, 0, 4, 8))
    for kind in ("PNG", "WEBP"):
        result = to_rgb(reopened(image, kind, lossless=True), (0, 255, 0))
        assert close(result, (1, 1), (255, 0, 0))
        assert close(result, (6, 6), (0, 255, 0))
    assert close(to_rgb(image), (6, 6), (255, 255, 255))
    half = to_rgb(Image.new("RGBA", (2, 2), (0, 0, 0, 128)))
    assert close(half, (0, 0), (127, 127, 127))


def test_palette_with_transparency() -> None:
    image = Image.new("P", (8, 8), 1)
    image.putpalette([0, 0, 0, 255, 0, 0, 0, 0, 255])
    image.paste(2, (0, 0, 4, 8))
    for kind in ("PNG", "GIF"):
        result = to_rgb(reopened(image, kind, transparency=2))
        assert close(result, (6, 1), (255, 0, 0))
        assert close(result, (1, 1), (255, 255, 255))


@pytest.mark.parametrize(
    "mode", ["1", "L", "LA", "La", "PA", "RGBa", "RGBX", "YCbCr", "HSV", "LAB", "CMYK", "I", "F"]
)
def test_any_mode_becomes_rgb(mode: str) -> None:
    assert to_rgb(Image.new(mode, (4, 4))).mode == "RGB"


def test_greyscale_and_cmyk_keep_their_look() -> None:
    assert close(to_rgb(reopened(Image.new("L", (8, 8), 90), "PNG")), (4, 4), (90, 90, 90))
    assert close(
        to_rgb(reopened(Image.new("CMYK", (8, 8), (0, 255, 255, 0)), "JPEG")), (4, 4), (255, 0, 0), 6
    )


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_sixteen_bits_are_scaled_not_cut(kind: str) -> None:
    ramp = np.linspace(0, 65535, 64, dtype=np.uint16).reshape(8, 8)
    result = to_rgb(reopened(Image.fromarray(ramp), kind))
    grey = np.asarray(result)[..., 0].ravel()
    assert np.abs(grey - np.linspace(0, 255, 64)).max() <= 1


def swapped_profile() -> bytes:
    """With the primaries of red and blue exchanged: its red is what sRGB calls blue."""
    data = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    data = data.replace("sRGB".encode("utf-16-be"), "mine".encode("utf-16-be"))
    return data.replace(b"rXYZ", b"????").replace(b"bXYZ", b"rXYZ").replace(b"????", b"bXYZ")


def test_a_colour_profile_is_converted_to_srgb() -> None:
    profile = swapped_profile()
    image = Image.new("RGBA", (8, 8), (255, 0, 0, 255))
    image.paste((255, 0, 0, 0), (0, 0, 4, 8))
    result = to_rgb(reopened(image, "PNG", icc_profile=profile), (0, 255, 0))
    assert close(result, (6, 6), (0, 0, 255))
    assert close(result, (1, 1), (0, 255, 0))  # the background is sRGB already
    assert "icc_profile" not in result.info


def test_a_profile_that_doesnt_fit_is_left_alone() -> None:
    colour = (10, 200, 30)
    lab = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes()
    for profile in (b"broken", lab):
        assert close(
            to_rgb(reopened(Image.new("RGB", (8, 8), colour), "PNG", icc_profile=profile)), (1, 1), colour
        )
    grey = to_rgb(reopened(Image.new("L", (8, 8), 77), "JPEG", icc_profile=swapped_profile()))
    assert close(grey, (1, 1), (77, 77, 77))


def test_the_image_itself_is_not_changed() -> None:
    image = Image.new("RGBA", (8, 8), (1, 2, 3, 4))
    image.info["icc_profile"] = b"broken"
    before = image.tobytes(), image.mode, dict(image.info)
    to_rgb(image)
    assert (image.tobytes(), image.mode, dict(image.info)) == before


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "BMP", "TIFF", "GIF"])
def test_a_file_cut_off_anywhere_is_refused_or_whole(kind: str) -> None:
    noise = Image.fromarray(np.random.default_rng(1).integers(0, 256, (32, 32, 3), dtype=np.uint8))
    buffer = io.BytesIO()
    noise.save(buffer, kind)
    data = buffer.getvalue()
    for share in (0.1, 0.5, 0.9):
        with pytest.raises(UnreadableImageError):
            decode(data[: int(len(data) * share)])


def test_what_is_no_picture_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for data, reason in (
        (b"", "empty"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n", "isn't a picture"),
        (b"\x89PNG\r\n\x1a\n", "damaged"),
    ):
        with pytest.raises(UnreadableImageError, match=reason):
            decode(data)
    with pytest.raises(UnreadableImageError, match="can't be read"):
        open_image(tmp_path / "missing.png")
    buffer = io.BytesIO()
    Image.new("RGB", (100, 100)).save(buffer, "PNG")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1000)
    with pytest.raises(UnreadableImageError, match="too many pixels"):
        decode(buffer.getvalue())
