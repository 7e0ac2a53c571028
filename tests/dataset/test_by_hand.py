"""Crops and masks that a person made: applied by processing, undone, and only there."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from PIL import Image, ImageDraw

from train_tools.dataset import revision as revisions
from train_tools.dataset.by_hand import FILE, FOLDER, NOTHING, ByHand, crop_by_hand, mask_by_hand, redo, undo
from train_tools.dataset.intake import add
from train_tools.dataset.looks import digest
from train_tools.dataset.originals_edit import move_originals
from train_tools.dataset.preview_image import preview_image
from train_tools.dataset.process import process
from train_tools.dataset.settings import DatasetSettings
from train_tools.errors import TrainToolsError, UsageError
from train_tools.workspace.workspace import Version, Workspace

SETTINGS = DatasetSettings(width=64, height=64, alpha_mask=True)
QUARTER = (0.5, 0.0, 1.0, 0.5)  # the upper right one, which is blue


def halves() -> Image.Image:
    image = Image.new("RGB", (128, 128), "red")
    ImageDraw.Draw(image).rectangle((64, 0, 127, 63), fill="blue")
    return image


def png(image: Image.Image) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return buffer.getvalue()


@pytest.fixture
def version(tmp_path: Path) -> Version:
    workspace = Workspace(tmp_path / "outputs")
    workspace.create_project("zorb")
    version = workspace.create_version("zorb", "v1")
    pictures = tmp_path / "pictures"
    pictures.mkdir()
    halves().save(pictures / "a.png")
    Image.new("RGB", (96, 96), "green").save(pictures / "b.png")
    add(version, [pictures])
    process(version, SETTINGS)
    return version


def original(version: Version, name: str = "a.png") -> bytes:
    return (version.origin / name).read_bytes()


def made(version: Version, name: str = "a.png") -> Image.Image:
    revision = revisions.read(version.processed)
    assert revision
    (source,) = (one for one in revision.images if one.original == name)
    return Image.open(version.processed / source.file)


def black_left() -> bytes:
    mask = Image.new("L", (64, 64), 255)
    ImageDraw.Draw(mask).rectangle((0, 0, 31, 63), fill=0)
    return png(mask)


def test_a_crop_changes_its_image_alone_and_is_undone(version: Version) -> None:
    before = original(version)
    crop_by_hand(version, "a.png", before, QUARTER)
    report = process(version, SETTINGS)
    assert report.reused == 1  # b.png
    image = made(version)
    assert (image.size, image.convert("RGB").getcolors()) == ((64, 64), [(64 * 64, (0, 0, 255))])
    revision = revisions.read(version.processed)
    assert revision
    assert next(one.box for one in revision.images if one.original == "a.png") == QUARTER
    assert undo(version).name == "a.png"
    assert process(version, SETTINGS).images == 2
    assert made(version).convert("RGB").getpixel((5, 60)) == (255, 0, 0)
    redo(version)
    assert ByHand.of(version).touch(digest(before)).crop == QUARTER
    with pytest.raises(UsageError, match="left to make again"):
        redo(version)
    assert original(version) == before


def test_a_mask_is_kept_as_transparency_inside_the_crop(version: Version) -> None:
    mask_by_hand(version, "a.png", original(version), black_left())
    crop_by_hand(version, "a.png", original(version), (0.25, 0.0, 0.75, 0.5))
    process(version, SETTINGS)
    alpha = made(version).getchannel("A")
    assert alpha.size == (64, 64)
    assert (alpha.getpixel((10, 30)), alpha.getpixel((54, 30))) == (0, 255)
    process(version, DatasetSettings(width=64, height=64))  # masks aren't kept
    assert made(version).mode == "RGB"
    mask_by_hand(version, "a.png", original(version), None)
    process(version, SETTINGS)
    assert made(version).mode == "RGB"
    assert len(list((version.origin.parent / FOLDER).iterdir())) == 1  # it stays, for undo


def test_what_is_painted_wins_over_what_came_with_the_image(version: Version) -> None:
    Image.new("L", (128, 128), 0).save(version.origin / "a-masklabel.png")
    process(version, SETTINGS)
    assert made(version).getchannel("A").getextrema() == (0, 0)
    white = png(Image.new("L", (8, 8), 255))
    assert mask_by_hand(version, "a.png", original(version), white) == NOTHING
    assert mask_by_hand(version, "a.png", original(version), white, over_given=True).mask
    process(version, SETTINGS)
    assert made(version).mode == "RGB"


def test_the_preview_shows_it(version: Version) -> None:
    crop_by_hand(version, "a.png", original(version), QUARTER)
    mask_by_hand(version, "a.png", original(version), black_left())
    shown = preview_image(version, "a.png", SETTINGS)
    assert (shown.width, shown.height, shown.overlay.size) == (128, 128, (64, 64))
    assert shown.pictures[0].box == QUARTER


def test_it_goes_where_the_image_goes(version: Version) -> None:
    crop_by_hand(version, "a.png", original(version), QUARTER)
    move_originals(version, ["a.png"], "other")
    process(version, SETTINGS)
    assert made(version, "other/a.png").size == (64, 64)


@pytest.mark.parametrize("box", [(-0.1, 0, 1, 1), (0, 0, 1, 1.2), (0.5, 0, 0.505, 1), (0.6, 0, 0.4, 1)])
def test_a_box_outside_is_a_sentence(version: Version, box: tuple[float, float, float, float]) -> None:
    with pytest.raises(UsageError, match="must lie in the image"):
        crop_by_hand(version, "a.png", original(version), box)
    assert not (version.origin.parent / FILE).exists()


@pytest.mark.parametrize(
    ("mask", "sentence"),
    [(b"no picture", "no picture that can be read"), (png(Image.new("L", (9, 9))), "nothing of the image")],
)
def test_a_mask_of_no_use_is_a_sentence(version: Version, mask: bytes, sentence: str) -> None:
    with pytest.raises(UsageError, match=sentence):
        mask_by_hand(version, "a.png", original(version), mask)


def test_a_damaged_record_is_a_sentence(version: Version) -> None:
    (version.origin.parent / FILE).write_text(
        '{"now": {"x": {"crop": [0, 0, 1, 1], "mask": "../../x"}}, "done": [], "undone": []}'
    )
    with pytest.raises(TrainToolsError, match="isn't a record of crops and masks"):
        ByHand.of(version)
    with pytest.raises(TrainToolsError, match="isn't a record"):
        process(version, SETTINGS)
