"""Findings on images before training, and the bucket chart."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest
from PIL import Image

from train_tools.dataset.bucket_chart import BucketCount, bucket_chart
from train_tools.dataset.checks import Finding, check_images, read_sizes
from train_tools.dataset.training import training_images
from train_tools.dataset.triggers import bears
from train_tools.workspace.settings import update
from train_tools.workspace.workspace import Version, Workspace


@dataclass(frozen=True)
class Rule:
    resolution: tuple[int, int] = (64, 64)
    is_on: bool = True
    minimum: int = 32
    maximum: int = 128
    step: int = 8
    no_upscale: bool = False


RULE = Rule()


@pytest.fixture
def version(tmp_path: Path) -> Version:
    """Ten different images of one concept, all at the resolution: nothing to find."""
    workspace = Workspace(tmp_path)
    workspace.create_project("zorb")
    made = workspace.create_version("zorb", "v1")
    for number in range(10):
        draw(made.processed / "2_zorb" / f"{number:05d}-0-x.png", number)
    return made


def draw(path: Path, number: int, size: tuple[int, int] = (64, 64)) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size, (number * 20, 5, 5)).save(path)


def found(version: Version, rule: Rule = RULE, batch_size: int = 1) -> dict[str, Finding]:
    return {finding.id: finding for finding in check_images(version, rule, batch_size)}


def test_a_good_set_gives_no_finding(version: Version) -> None:
    assert found(version) == {}


def test_small_images(version: Version) -> None:
    folder = version.processed / "2_zorb"
    draw(folder / "00010-0-low.png", 1, (50, 50))
    draw(folder / "00011-0-wide.png", 2, (80, 52))  # enough by area
    assert found(version)["image-small"].where == ("00010-0-low.png",)
    assert found(version, Rule(is_on=False))["image-small"].where == ("00010-0-low.png", "00011-0-wide.png")
    assert found(version, Rule(no_upscale=True))["image-small"].severity == "hint"


def test_scattered_buckets_and_their_chart(version: Version) -> None:
    folder = version.processed / "2_zorb"
    for number, size in enumerate([(80, 52), (52, 80), (100, 40)]):
        draw(folder / f"0002{number}-0-odd.png", number, size)
    sizes, _ = read_sizes(training_images(version.processed))
    assert bucket_chart(sizes, RULE) == [
        BucketCount((96, 40), 1, 2),
        BucketCount((80, 48), 1, 2),
        BucketCount((64, 64), 10, 20),
        BucketCount((48, 80), 1, 2),
    ]
    assert found(version)["buckets-scattered"].where == ("96x40", "80x48", "48x80")
    assert bucket_chart(sizes, Rule(is_on=False)) == [BucketCount((64, 64), 13, 26)]
    assert "buckets-scattered" not in found(version, Rule(is_on=False))


def test_buckets_that_dont_fill_a_batch(version: Version) -> None:
    folder = version.processed / "2_zorb"
    for number, size in enumerate([(80, 52), (80, 52), (52, 80), (52, 80)]):
        draw(folder / f"0002{number}-0-odd.png", number, size)
    assert "buckets-scattered" not in found(version, batch_size=4)
    assert "buckets-scattered" in found(version, batch_size=5)


def test_concepts(version: Version) -> None:
    for number in range(10):
        draw(version.processed / "5_hat" / f"{number:05d}-0-x.png", number, (64, 65))
    assert found(version)["concepts-unbalanced"].sentence.endswith("hat 50, zorb 20")
    (version.processed / "5_hat").rename(version.processed / "3_hat")
    assert "concepts-unbalanced" not in found(version)


def test_files_that_arent_trained(version: Version) -> None:
    folder = version.processed / "2_zorb"
    Image.new("RGB", (64, 64)).save(folder / "scan.tiff")
    draw(version.processed / "zorb" / "a.png", 3)
    draw(version.processed / "b.png", 3)
    draw(version.processed / "0_off" / "c.png", 3)
    (folder / "00001-0-x.png").rename(folder / "00001-0-x.Png")
    (folder / "note.md").write_text("mine", encoding="utf-8")
    assert found(version)["files-ignored"].where == ("2_zorb/00001-0-x.Png", "2_zorb/scan.tiff")
    assert found(version)["folders-ignored"].where == ("0_off/c.png", "b.png", "zorb/a.png")


def test_few_images_count_copies_once(version: Version) -> None:
    folder = version.processed / "2_zorb"
    (folder / "00009-0-x.png").rename(folder / "00008-1-x.png")
    assert found(version)["images-few"].sentence.startswith("zorb has 9 image(s)")


def test_equal_and_damaged_images(version: Version) -> None:
    folder = version.processed / "2_zorb"
    (folder / "00010-0-copy.png").write_bytes((folder / "00000-0-x.png").read_bytes())
    (folder / "00011-0-broken.png").write_bytes(b"broken")
    assert found(version)["images-equal"].where == ("00000-0-x.png = 00010-0-copy.png",)
    assert next(iter(found(version))) == "image-unreadable"
    assert found(version)["image-unreadable"].where == ("00011-0-broken.png",)


def test_regularisation(version: Version) -> None:
    """They are trained beside all concepts, whatever they are called; their folder's name is what captions them."""
    draw(version.reg / "1_person" / "a.png", 1)
    assert found(version)["reg-few"].sentence.startswith("there are 1 regularisation images an epoch for 20")
    assert not {"reg-trigger", "reg-ignored"} & set(found(version))
    draw(version.reg / "person" / "a.png", 1)
    assert found(version)["reg-ignored"].where == ("person",)
    draw(version.reg / "1_zorb" / "a.png", 1)
    draw(version.reg / "1_a zorb" / "a.png", 1)
    draw(version.reg / "1_zorba" / "a.png", 1)
    draw(version.reg / "1_captioned zorb" / "a.png", 1)
    (version.reg / "1_captioned zorb" / "a.txt").write_text("a person", encoding="utf-8")
    draw(version.reg / "1_woman" / "a.png", 1)
    (version.reg / "1_woman" / "a.txt").write_text("Zorb\n", encoding="utf-8")
    assert found(version)["reg-trigger"].where == ("1_a zorb", "1_woman", "1_zorb")
    (version.reg / "1_person").rename(version.reg / "30_person")
    assert "never shown" in found(version)["reg-many"].sentence
    (version.reg / "30_person").rename(version.reg / "15_person")
    assert not {"reg-few", "reg-many"} & set(found(version))


def test_the_trigger_word_is_what_captioning_puts_first(version: Version) -> None:
    draw(version.reg / "1_mira" / "a.png", 1)
    assert "reg-trigger" not in found(version)
    update(version, "captioning", {"prefix": "mira, {x}"})
    assert found(version)["reg-trigger"].where == ("1_mira",)


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("person", False),
        ("a person", False),
        ("zorb", True),
        ("Zorb Person", True),
        ("one zorb person", True),
    ],
)
def test_which_class_bears_the_trigger_word_of_a_trainer_s_folder(name: str, told: bool) -> None:
    assert bears(name, ["zorb person"]) == told
