"""Regularisation images beside what they belong to."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from train_tools.dataset.census import take_census
from train_tools.dataset.intake import add
from train_tools.dataset.process import process
from train_tools.dataset.reg import add_reg
from train_tools.dataset.settings import DatasetSettings
from train_tools.dataset.taking import ADDED, THERE
from train_tools.errors import UsageError
from train_tools.workspace.workspace import Version


@pytest.fixture
def filled(version: Version, pictures: Path) -> Version:
    for number in range(3):
        Image.new("RGB", (40, 40), (number, 0, 0)).save(pictures / f"{number}.png")
    add(version, [pictures])
    process(version, DatasetSettings(repeats=5))
    return version


@pytest.fixture
def others(tmp_path: Path) -> Path:
    folder = tmp_path / "others"
    folder.mkdir()
    Image.new("RGB", (40, 40), "gold").save(folder / "a.jpg")
    (folder / "a.txt").write_text("a thing", encoding="utf-8")
    Image.new("RGB", (40, 40), "blue").save(folder / "b.tiff")
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (60, 30), "red").save(folder / "c.jpg", exif=exif)
    return folder


def test_they_are_counted_beside_all_images(filled: Version, others: Path) -> None:
    report = add_reg(filled, [others], "thing", 2)
    assert {item.name: item.outcome for item in report.items} == {
        "2_thing/a.jpg": ADDED,
        "2_thing/b.png": ADDED,
        "2_thing/c.png": ADDED,
    }
    folder = filled.reg / "2_thing"
    assert (folder / "a.jpg").read_bytes() == (others / "a.jpg").read_bytes()
    assert (folder / "a.txt").read_text(encoding="utf-8") == "a thing"
    with Image.open(folder / "c.png") as image:
        assert image.size == (30, 60)
    (count,) = take_census(filled).reg
    assert (count.name, count.images, count.repeats, count.without_caption) == ("thing", 3, 2, 2)
    assert (count.shown, count.as_trigger) == (15, 0)  # as often as the training images
    assert take_census(filled).reg_problems == ()
    again = add_reg(filled, [others], "Thing")  # the same class on some disks
    assert len(again.of(THERE)) == 3
    assert take_census(filled).originals == 3


def test_what_harms_or_isnt_trained_is_named(filled: Version, others: Path) -> None:
    add_reg(filled, [others], "person")
    add_reg(filled, [others], "zorb")
    Image.new("RGB", (9, 9)).save(filled.reg / "loose.png")
    (filled.reg / "person").mkdir()
    problems = {one.name: one.reason for one in take_census(filled).reg_problems}
    assert set(problems) == {"1_zorb", "loose.png", "person"}
    assert problems["1_zorb"].startswith("2 image(s) are trained with the trigger word")


@pytest.mark.parametrize(("name", "repeats", "words"), [("a/b", 1, "separator"), ("x", 0, "--repeats is 0")])
def test_what_cant_be_a_folder_is_refused(
    filled: Version, others: Path, name: str, repeats: int, words: str
) -> None:
    with pytest.raises(UsageError, match=words):
        add_reg(filled, [others], name, repeats)
    assert not filled.reg.exists()


def test_other_repeats_than_the_folder_has_are_refused(filled: Version, others: Path) -> None:
    add_reg(filled, [others], "zorb", 2)
    with pytest.raises(UsageError, match="rename it to 3_zorb"):
        add_reg(filled, [others], "zorb", 3)
