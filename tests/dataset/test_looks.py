from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageDraw, features

from train_tools.dataset.images import decode
from train_tools.dataset.intake import add
from train_tools.dataset.looks import SAME_BYTES, SAME_LOOK, Look, find_duplicates, look_at, same_look
from train_tools.workspace.workspace import Version


def scene(seed: int) -> Image.Image:
    rng = np.random.default_rng(seed)
    image = Image.fromarray(rng.integers(0, 256, (6, 8, 3), dtype=np.uint8)).resize((320, 240))
    ImageDraw.Draw(image).ellipse((40, 40, 140, 120), fill="white")
    return image


def saved(image: Image.Image, kind: str, **options: Any) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def look(data: bytes) -> Look:
    return look_at(data, decode(data))


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("JPEG", {"quality": 90}),
        ("JPEG", {"quality": 40}),
        ("WEBP", {"quality": 50}),
        ("BMP", {}),
        ("TIFF", {}),
    ],
)
def test_a_copy_saved_again_looks_the_same(kind: str, options: dict[str, Any]) -> None:
    for seed in range(5):
        image = scene(seed)
        assert same_look(look(saved(image, "PNG")), look(saved(image, kind, **options)))
        assert same_look(look(saved(image, "PNG")), look(saved(image.resize((100, 75)), kind, **options)))


@pytest.mark.skipif(not features.check("avif"), reason="this Pillow reads no AVIF")
def test_avif_is_taken_in(version: Version, pictures: Path) -> None:
    (pictures / "a.AVIF").write_bytes(saved(scene(1), "AVIF"))
    (pictures / "a2.png").write_bytes(saved(scene(1), "PNG"))
    report = add(version, [pictures])
    assert {item.name for item in report.items} == {"a.AVIF", "a2.png"}
    assert report.duplicates[0].kind == SAME_LOOK


def test_other_pictures_dont(version: Version) -> None:
    looks = [look(saved(scene(seed), "PNG")) for seed in range(20)]
    looks += [look(saved(Image.new("RGB", (9, 9), colour), "PNG")) for colour in ("red", "blue", "grey")]
    looks.append(look(saved(Image.linear_gradient("L").transpose(Image.Transpose.ROTATE_90), "PNG")))
    assert find_duplicates({str(number): one for number, one in enumerate(looks)}) == ()


def test_a_turned_photo_is_the_same_as_its_upright_copy() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    image = scene(3)
    turned = saved(image.transpose(Image.Transpose.ROTATE_90), "JPEG", exif=exif, quality=95)
    assert same_look(look(saved(image, "PNG")), look(turned))


@pytest.mark.parametrize("mode", ["1", "P", "LA", "RGBA", "CMYK", "I;16", "F", "LAB"])
def test_any_mode_has_a_look(mode: str) -> None:
    assert len(look_at(b"x", Image.new(mode, (300, 200))).phash) == 16


def test_duplicates_are_shown_and_kept(version: Version, pictures: Path) -> None:
    (pictures / "a.png").write_bytes(saved(scene(1), "PNG"))
    (pictures / "copy.png").write_bytes(saved(scene(1), "PNG"))
    (pictures / "b.png").write_bytes(saved(scene(2), "PNG"))
    first = add(version, [pictures])
    assert [(group.kind, group.names) for group in first.duplicates] == [(SAME_BYTES, ("a.png", "copy.png"))]
    (pictures / "b small.jpg").write_bytes(saved(scene(2).resize((160, 120)), "JPEG"))
    second = add(version, [pictures / "b small.jpg"])
    assert [(group.kind, group.names) for group in second.duplicates] == [
        (SAME_LOOK, ("b small.jpg", "b.png"))
    ]
    assert len(list(version.origin.iterdir())) == 4
