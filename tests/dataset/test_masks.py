"""Masks come in with their image, stay with it, and end as the transparency that training heeds."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from train_tools.dataset.intake import IntakeReport, add
from train_tools.dataset.originals import originals_in
from train_tools.dataset.originals_edit import delete_originals, move_originals
from train_tools.dataset.preview_image import preview_image
from train_tools.dataset.process import process
from train_tools.dataset.reg import add_reg
from train_tools.dataset.settings import DatasetSettings
from train_tools.dataset.taking import ADDED, FAILED, IGNORED
from train_tools.workspace.settings import preview_change, read
from train_tools.workspace.workspace import Version


def draw(path: Path, colour: str | int = "red", size: tuple[int, int] = (40, 30), mode: str = "RGB") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new(mode, size, colour).save(path)
    return path


def half(path: Path, size: tuple[int, int] = (40, 30)) -> Path:
    """A mask whose left half is learnt."""
    mask = Image.new("L", size, 0)
    mask.paste(255, (0, 0, size[0] // 2, size[1]))
    path.parent.mkdir(parents=True, exist_ok=True)
    mask.save(path)
    return path


def files(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def reasons(report: IntakeReport, outcome: str) -> dict[str, str]:
    return {Path(item.source).name: item.reason for item in report.of(outcome)}


def settings(version: Version) -> DatasetSettings:
    return preview_change(version, "dataset", DatasetSettings, {})


def made(version: Version) -> Image.Image:
    (path,) = version.processed.glob("*/*.png")
    return Image.open(path)


def test_those_of_onetrainer(version: Version, pictures: Path) -> None:
    draw(pictures / "im.jpg")
    (pictures / "im.txt").write_text("zorb", encoding="utf-8")
    mask = half(pictures / "im-masklabel.png").read_bytes()
    draw(pictures / "im-condlabel.png", "blue")
    report = add(version, [pictures])
    assert [item.name for item in report.of(ADDED)] == ["im.jpg"]
    assert "condition image" in reasons(report, IGNORED)["im-condlabel.png"]
    assert files(version.origin) == {"im.jpg", "im.txt", "im-masklabel.png"}
    assert (version.origin / "im-masklabel.png").read_bytes() == mask
    assert [original.name for original in originals_in(version.origin)] == ["im.jpg"]
    assert (read(version)["dataset"]["alpha_mask"], read(version)["training"]["alpha_mask"]) == (True, True)
    process(version, settings(version))
    alpha = made(version).getchannel("A")
    assert (alpha.getpixel((5, 15)), alpha.getpixel((35, 15))) == (255, 0)


@pytest.mark.parametrize("place", ["masks/im.png", "mask/im.jpg", "../masks/im.png"])
def test_those_in_a_folder_of_their_own(version: Version, pictures: Path, place: str) -> None:
    draw(pictures / "set" / "im.webp")
    half((pictures / "set" / place).resolve())
    add(version, [pictures])
    suffix = Path(place).suffix
    assert files(version.origin) == {"im.webp", f"im-masklabel{suffix}"}
    process(version, settings(version))
    assert made(version).mode == "RGBA"


def test_pictures_of_masks_are_pictures(version: Version, pictures: Path) -> None:
    for name in ("venice.png", "gas.png", "carnival.png"):
        draw(pictures / "masks" / name, name.removesuffix(".png") and "gold")
    draw(pictures / "faces" / "gas.png", "blue")
    report = add(version, [pictures])
    assert len(report.of(ADDED)) == 4
    assert "alpha_mask" not in read(version)["dataset"]


def test_a_mask_that_cant_be_one_is_said(version: Version, pictures: Path) -> None:
    draw(pictures / "a.png")
    half(pictures / "a-masklabel.png", (30, 40))
    draw(pictures / "b.png", "blue")
    (pictures / "b-masklabel.png").write_bytes(b"no picture")
    half(pictures / "lonely-masklabel.png")
    report = add(version, [pictures])
    notes = reasons(report, ADDED)
    assert "another shape" in notes["a.png"]
    assert "its mask is left out" in notes["b.png"]
    assert "no image of its name" in reasons(report, IGNORED)["lonely-masklabel.png"]
    assert not report.of(FAILED)
    assert files(version.origin) == {"a.png", "b.png"}


def test_a_small_mask_of_the_same_shape_will_do(version: Version, pictures: Path) -> None:
    draw(pictures / "a.png", size=(400, 300))
    half(pictures / "a-masklabel.png")
    add(version, [pictures])
    process(version, settings(version))
    alpha = made(version).getchannel("A")
    assert alpha.getpixel((30, 100)) == 255
    assert alpha.getpixel((alpha.width - 30, 100)) == 0


def test_a_mask_that_comes_late_is_added_and_makes_the_image_anew(version: Version, pictures: Path) -> None:
    draw(pictures / "a.png")
    add(version, [pictures])
    keep = DatasetSettings(alpha_mask=True)
    process(version, keep)
    assert made(version).mode == "RGB"
    half(pictures / "a-masklabel.png")
    (item,) = add(version, [pictures]).items
    assert item.reason == "the same image is there; its mask was added"
    assert process(version, keep).reused == 0
    assert made(version).mode == "RGBA"
    assert process(version, keep).reused == 1
    assert made(version).mode == "RGBA"
    assert preview_image(version, "a.png", keep).pictures
    process(version, DatasetSettings())
    assert made(version).mode == "RGB"


def test_a_mask_and_the_image_s_own_transparency_count_both(version: Version, pictures: Path) -> None:
    image = Image.new("RGBA", (40, 30), (255, 0, 0, 255))
    image.paste((0, 0, 0, 0), (0, 0, 40, 10))
    image.save(pictures / "a.png")
    half(pictures / "a-masklabel.png")
    add(version, [pictures])
    process(version, settings(version))
    alpha = made(version).getchannel("A")
    assert [alpha.getpixel(at) for at in ((5, 5), (5, 20), (35, 20))] == [0, 255, 0]


def test_masks_stay_with_their_image(version: Version, pictures: Path, tmp_path: Path) -> None:
    for number, colour in enumerate(("red", "blue")):
        draw(pictures / str(number) / "a.png", colour)
        half(pictures / str(number) / "a-masklabel.png")
    add(version, [pictures])
    assert files(version.origin) == {"a.png", "a-masklabel.png", "a (2).png", "a (2)-masklabel.png"}
    move_originals(version, ["a.png"], "hat")
    move_originals(version, ["a (2).png"], "hat")
    assert files(version.origin / "hat") == {"a.png", "a-masklabel.png", "a (2).png", "a (2)-masklabel.png"}
    delete_originals(version, ["hat/a.png"], tmp_path / "trash")
    assert files(version.origin / "hat") == {"a (2).png", "a (2)-masklabel.png"}


def test_as_they_are_masks_are_pictures(version: Version, pictures: Path) -> None:
    draw(pictures / "im.png")
    half(pictures / "im-masklabel.png")
    report = add(version, [pictures], as_is=True)
    assert len(report.of(ADDED)) == 2
    assert len(originals_in(version.origin)) == 2
    assert report.decisions == ()


def test_a_single_image_and_one_of_a_named_concept_bring_theirs(version: Version, pictures: Path) -> None:
    path = draw(pictures / "a.png")
    half(pictures / "a-masklabel.png")
    draw(pictures / "b.png", "blue")
    report = add(version, [path], concept="hat")
    assert files(version.origin) == {"hat/a.png", "hat/a-masklabel.png"}
    assert [one.kind for one in report.decisions] == ["mask"]
    assert read(version)["dataset"]["alpha_mask"] is True


def test_regularisation_images_have_none(version: Version, pictures: Path) -> None:
    draw(pictures / "a.png")
    half(pictures / "a-masklabel.png")
    add_reg(version, [pictures], "person")
    assert files(version.reg) == {"1_person/a.png"}
    assert read(version)["dataset"] == {}
