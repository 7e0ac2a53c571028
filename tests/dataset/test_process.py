from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from train_tools.dataset.census import take_census
from train_tools.dataset.intake import add
from train_tools.dataset.process import process
from train_tools.dataset.settings import DatasetSettings
from train_tools.dataset.training import fingerprint, training_images
from train_tools.errors import TrainToolsError, UsageError
from train_tools.workspace import files
from train_tools.workspace.workspace import Version, Workspace


def draw(path: Path, colour: str = "red", size: tuple[int, int] = (100, 50)) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    image = Image.new("RGB", size, "white")
    image.paste(colour, (0, 0, size[0] // 2, size[1]))
    image.save(path)
    return path


def tree(folder: Path) -> dict[str, bytes]:
    return {
        p.relative_to(folder).as_posix(): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()
    }


@pytest.fixture
def filled(version: Version, pictures: Path) -> Version:
    for name, colour in (("a.png", "red"), ("b.png", "blue"), ("猫.png", "green"), ("d.png", "black")):
        draw(pictures / name, colour)
    (pictures / "a.txt").write_text("a red thing\n", encoding="utf-8")
    add(version, [pictures])
    return version


def test_names_captions_and_sizes(filled: Version) -> None:
    originals = tree(filled.origin)
    report = process(filled, DatasetSettings(repeats=3, width=40, height=40))
    folder = filled.processed / "3_zorb"
    assert report.folders == (folder,)
    assert sorted(p.name for p in folder.iterdir()) == [
        "00001-0-a.png",
        "00001-0-a.txt",
        "00002-0-b.png",
        "00003-0-d.png",
        "00004-0-猫.png",
    ]
    assert (folder / "00001-0-a.txt").read_text(encoding="utf-8").strip() == "a red thing"
    with Image.open(folder / "00001-0-a.png") as image:
        assert image.size == (57, 28)
        assert image.mode == "RGB"
    assert tree(filled.origin) == originals


def test_flipped_copies_are_mirrored_and_share_the_caption(filled: Version) -> None:
    report = process(
        filled,
        DatasetSettings(
            flip=True, concept="thing", keep_aspect=False, width=32, height=64, small_images="upscale"
        ),
    )
    assert report.images == 8
    folder = filled.processed / "10_thing"
    with Image.open(folder / "00001-0-a.png") as image, Image.open(folder / "00001-1-a.png") as mirrored:
        assert image.size == mirrored.size == (32, 64)
        assert image.getpixel((2, 30)) == mirrored.getpixel((29, 30)) == (255, 0, 0)
    assert (folder / "00001-1-a.txt").read_bytes() == (folder / "00001-0-a.txt").read_bytes()


def test_the_revision_before_goes_to_the_history_whole(filled: Version) -> None:
    process(filled, DatasetSettings())
    first = tree(filled.processed)
    report = process(filled, DatasetSettings(width=64, height=64))
    assert report.revision == 2
    assert report.previous is not None
    assert tree(report.previous) == first
    third = process(filled, DatasetSettings())
    assert third.revision == 3
    assert take_census(filled).earlier_revisions == 2


def test_edited_captions_are_carried_over_and_new_original_ones_arrive(
    filled: Version, pictures: Path
) -> None:
    process(filled, DatasetSettings(flip=True))
    folder = filled.processed / "10_zorb"
    (folder / "00002-0-b.txt").write_text("by hand", encoding="utf-8")
    (folder / "00002-1-b.txt").write_text("by hand, mirrored", encoding="utf-8")
    draw(pictures / "0.png", "yellow")  # shifts all numbers
    (pictures / "d.txt").write_text("late", encoding="utf-8")
    add(filled, [pictures])
    report = process(filled, DatasetSettings(flip=True, concept="other"))
    folder = filled.processed / "10_other"
    captions = {p.name: p.read_text(encoding="utf-8").strip() for p in folder.glob("*.txt")}
    assert captions == {
        "00002-0-a.txt": "a red thing",
        "00002-1-a.txt": "a red thing",
        "00003-0-b.txt": "by hand",
        "00003-1-b.txt": "by hand, mirrored",
        "00004-0-d.txt": "late",
        "00004-1-d.txt": "late",
    }
    assert report.captions_kept == 2


def test_an_edited_caption_goes_before_the_originals(filled: Version) -> None:
    process(filled, DatasetSettings())
    (filled.processed / "10_zorb" / "00001-0-a.txt").write_text("better", encoding="utf-8")
    process(filled, DatasetSettings(repeats=2))
    process(filled, DatasetSettings(repeats=4))
    assert (filled.processed / "4_zorb" / "00001-0-a.txt").read_text(encoding="utf-8").strip() == "better"


def test_an_original_gone_bad_is_named_and_the_rest_is_done(filled: Version) -> None:
    (filled.origin / "b.png").write_bytes(b"damaged since")
    report = process(filled, DatasetSettings())
    assert [problem.name for problem in report.failed] == ["b.png"]
    assert report.images == 3
    for path in filled.origin.glob("*.png"):
        path.write_bytes(b"")
    before = tree(filled.processed)
    with pytest.raises(TrainToolsError, match="none of the 4 originals"):
        process(filled, DatasetSettings())
    assert tree(filled.processed) == before


@pytest.mark.parametrize("first_time", [True, False])
def test_a_full_disk_in_the_middle_leaves_the_old_revision(
    filled: Version, monkeypatch: pytest.MonkeyPatch, first_time: bool
) -> None:
    if not first_time:
        process(filled, DatasetSettings())
    before = tree(filled.folder)
    real, images = files.write_bytes, 0

    def full(path: Path, data: bytes) -> None:
        nonlocal images
        images += path.suffix == ".png"
        if images == 3:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        real(path, data)

    monkeypatch.setattr(files, "write_bytes", full)
    with pytest.raises(TrainToolsError, match=r"untouched: .*disk is full"):
        process(filled, DatasetSettings(flip=True))
    monkeypatch.undo()
    assert tree(filled.folder) == before
    assert process(filled, DatasetSettings(flip=True)).images == 8


def test_a_crash_between_the_two_renames_is_mended_when_the_version_is_opened(
    filled: Version, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    process(filled, DatasetSettings())

    class Crash(BaseException):
        pass

    def crash(source: Path, target: Path) -> None:
        if target == filled.processed:
            raise Crash
        source.replace(target)

    monkeypatch.setattr("train_tools.workspace.swap.replace", crash)
    with pytest.raises(Crash):
        process(filled, DatasetSettings(repeats=7))
    monkeypatch.undo()
    assert not filled.processed.exists()
    reopened = Workspace(tmp_path / "outputs").version("zorb", "v1")
    assert [path.name for path in reopened.processed.iterdir() if path.is_dir()] == ["7_zorb"]
    assert take_census(reopened).revision == 2


def test_no_images_says_what_to_do(version: Version) -> None:
    with pytest.raises(UsageError, match="dataset add zorb v1"):
        process(version, DatasetSettings())
    assert not version.processed.exists()


def test_small_images_are_not_enlarged_and_remarked(filled: Version) -> None:
    report = process(filled, DatasetSettings())
    assert {note.reason for note in report.notes} == {"only 100x50 pixels, smaller than 512x512"}
    with Image.open(filled.processed / "10_zorb" / "00001-0-a.png") as image:
        assert image.size == (100, 50)


@pytest.mark.skipif(os.name == "nt", reason="links need rights on Windows")
def test_an_original_that_is_a_link_leading_out_is_named(filled: Version, tmp_path: Path) -> None:
    (filled.origin / "link.png").symlink_to(draw(tmp_path / "secret.png"))
    report = process(filled, DatasetSettings())
    assert [problem.name for problem in report.failed] == ["link.png"]


def test_long_names_are_cut(filled: Version, pictures: Path) -> None:
    draw(pictures / f"{'长' * 80}.png", "gold")
    add(filled, [pictures])
    process(filled, DatasetSettings())
    assert max(len(p.name.encode()) for p in (filled.processed / "10_zorb").iterdir()) < 140


def seen(version: Version) -> str:
    return fingerprint(training_images(version.processed))


def test_census_counts_and_fingerprint(filled: Version) -> None:
    process(filled, DatasetSettings(repeats=5, flip=True))
    folder = filled.processed / "5_zorb"
    (folder / "00002-0-b.txt").write_text(" \n", encoding="utf-8")
    second = filled.processed / "2_other thing"
    draw(second / "x.jpg", size=(20, 20))
    draw(filled.processed / "no repeats" / "y.png")
    census = take_census(filled)
    assert [
        (c.concept, c.repeats, c.images, c.captioned, c.missing_captions, c.empty_captions)
        for c in census.concepts
    ] == [
        ("other thing", 2, 1, 0, 1, 0),
        ("zorb", 5, 8, 2, 5, 1),
    ]
    assert census.images_per_epoch == 42
    assert census.sizes == {"100x50": 8, "20x20": 1}
    before = seen(filled)
    assert before == census.fingerprint == seen(filled)
    changes: list[Any] = []
    for change in (
        lambda: (folder / "00002-0-b.txt").write_text("b", encoding="utf-8"),
        lambda: draw(second / "x.jpg", "blue", size=(20, 20)),
        lambda: (second / "x.jpg").rename(second / "z.jpg"),
        lambda: second.rename(filled.processed / "3_other thing"),
    ):
        change()
        changes.append(seen(filled))
    assert len({before, *changes}) == 5


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"alpha_colour": "wite"}, "alpha_colour is 'wite'"),
        ({"concept": "a/b"}, "path separator"),
        ({"repeats": "0"}, "repeats is 0"),
    ],
)
def test_settings_out_of_range(values: dict[str, str], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        DatasetSettings.from_mapping(values)
