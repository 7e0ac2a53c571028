from __future__ import annotations

import errno
import os
import threading
import zlib
from pathlib import Path

import pytest
from PIL import Image

from train_tools.dataset.intake import add
from train_tools.dataset.originals import originals_in
from train_tools.dataset.progress import Progress
from train_tools.dataset.taking import ADDED, FAILED, IGNORED, THERE
from train_tools.errors import TrainToolsError, UsageError
from train_tools.workspace.files import write_bytes
from train_tools.workspace.workspace import Version


def draw(path: Path, colour: str = "red", size: tuple[int, int] = (40, 30)) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size, colour).save(path)
    return path


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_folders_are_searched_and_bytes_stay(version: Version, pictures: Path) -> None:
    expected = {}
    for number, name in enumerate(
        ["a.png", "sub/B.JPG", "sub/deep/猫.webp", "c.JpEg", "d.bmp", "e.tiff", "f.gif"]
    ):
        path = draw(pictures / name, f"#0000{number:02x}")
        expected[path.name] = path.read_bytes()
    draw(pictures / ".hidden.png")
    draw(pictures / ".cache" / "thumbnail.png")
    (pictures / "notes.pdf").write_bytes(b"x")
    events: list[Progress] = []
    report = add(version, [pictures], events.append)
    assert contents(version.origin) == expected
    assert len(report.of(ADDED)) == 7
    assert [(Path(item.source).name, item.reason) for item in report.of(IGNORED)] == [
        ("notes.pdf", "not an image (.pdf)")
    ]
    assert [(event.done, event.total) for event in events] == [(n, 7) for n in range(1, 8)]


def test_damaged_files_are_named_and_cost_nothing_else(version: Version, pictures: Path) -> None:
    good = draw(pictures / "good.png")
    (pictures / "corrupt.png").write_bytes(b"this is no picture")
    (pictures / "zero.jpg").touch()
    data = draw(pictures / "whole.jpg", size=(200, 200)).read_bytes()
    (pictures / "truncated.jpg").write_bytes(data[: len(data) // 2])
    report = add(version, [pictures])
    assert {Path(item.source).name for item in report.of(FAILED)} == {
        "corrupt.png",
        "zero.jpg",
        "truncated.jpg",
    }
    assert all(item.reason for item in report.of(FAILED))
    assert set(contents(version.origin)) == {"good.png", "whole.jpg"}
    assert (version.origin / "good.png").read_bytes() == good.read_bytes()


def test_equal_names_from_two_folders_are_both_kept(version: Version, pictures: Path) -> None:
    one, two = draw(pictures / "x" / "a.png", "red"), draw(pictures / "y" / "a.png", "blue")
    add(version, [pictures])
    assert contents(version.origin) == {"a.png": one.read_bytes(), "a (2).png": two.read_bytes()}
    again = add(version, [pictures])
    assert [item.name for item in again.of(THERE)] == ["a.png", "a (2).png"]
    assert len(contents(version.origin)) == 2


def test_names_that_differ_in_case_only_dont_meet_on_any_disk(version: Version, pictures: Path) -> None:
    draw(pictures / "x" / "a.png", "red")
    draw(pictures / "y" / "A.PNG", "blue")
    add(version, [pictures])
    assert set(contents(version.origin)) == {"a.png", "A (2).PNG"}


def test_captions_come_along_with_their_image(version: Version, pictures: Path) -> None:
    draw(pictures / "x" / "a.png", "red")
    (pictures / "x" / "a.txt").write_text("a red one", encoding="utf-8")
    draw(pictures / "y" / "a.jpg", "blue")
    (pictures / "y" / "a.caption").write_text("蓝", encoding="utf-8")
    draw(pictures / "z" / "a.webp", "green")
    (pictures / "lonely.txt").write_text("no image", encoding="utf-8")
    report = add(version, [pictures])
    kept = contents(version.origin)
    assert kept["a.txt"] == b"a red one"
    assert kept["a (2).caption"] == "蓝".encode()
    assert {"a.png", "a (2).jpg", "a (3).webp"} <= set(
        kept
    )  # the green one mustn't inherit another's caption
    assert len(kept) == 5
    assert [(Path(i.source).name, i.reason) for i in report.of(IGNORED)] == [
        ("lonely.txt", "a caption without an image of the same name")
    ]


def test_a_single_file_brings_its_caption_and_a_late_one_is_added(version: Version, pictures: Path) -> None:
    path = draw(pictures / "a.png")
    add(version, [path])
    path.with_suffix(".txt").write_text("late", encoding="utf-8")
    assert add(version, [path]).of(THERE)[0].reason.endswith("its caption was added")
    path.with_suffix(".txt").write_text("other", encoding="utf-8")
    assert "not taken over" in add(version, [path]).of(THERE)[0].reason
    assert contents(version.origin)["a.txt"] == b"late"


def test_a_caption_that_is_no_text_is_left_out_and_said(version: Version, pictures: Path) -> None:
    path = draw(pictures / "a.png")
    path.with_suffix(".txt").write_bytes("红色".encode("gb18030"))
    item = add(version, [path]).of(ADDED)[0]
    assert "UTF-8" in item.reason
    assert set(contents(version.origin)) == {"a.png"}


def test_animation_is_said(version: Version, pictures: Path) -> None:
    frames = [Image.new("RGB", (8, 8), colour) for colour in ("red", "blue")]
    frames[0].save(pictures / "a.gif", save_all=True, append_images=frames[1:])
    assert "first frame" in add(version, [pictures]).of(ADDED)[0].reason


def test_a_missing_source_adds_nothing(version: Version, pictures: Path) -> None:
    path = draw(pictures / "a.png")
    with pytest.raises(UsageError, match=r"missing\.png"):
        add(version, [path, pictures / "missing.png"])
    assert contents(version.origin) == {}


def test_a_full_disk_keeps_what_was_added(
    version: Version, pictures: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("a.png", "b.png", "c.png"):
        draw(pictures / name, "red" if name < "c" else "blue")
    written: list[Path] = []

    def full(path: Path, data: bytes) -> None:
        if len(written) == 2:
            raise OSError(errno.ENOSPC, "No space left on device")
        written.append(path)
        write_bytes(path, data)

    monkeypatch.setattr("train_tools.dataset.origin.write_bytes", full)
    with pytest.raises(TrainToolsError, match="disk is full"):
        add(version, [pictures])
    assert set(contents(version.origin)) == {"a.png", "b.png"}


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such names")
def test_a_name_that_is_no_text_is_refused(version: Version, pictures: Path) -> None:
    data = draw(pictures / "a.png").read_bytes()
    try:
        (pictures / os.fsdecode(b"b\xff.png")).write_bytes(data)
    except OSError:
        pytest.skip("this file system takes only text")
    failed = add(version, [pictures]).of(FAILED)
    assert len(failed) == 1
    assert "rename" in failed[0].reason
    failed[0].source.encode("utf-8")


@pytest.mark.parametrize("stop_at", [1, 2, 4])
def test_stopping_at_any_image_leaves_whole_files(version: Version, pictures: Path, stop_at: int) -> None:
    data = {f"{n}.png": draw(pictures / f"{n}.png", f"#0000{n:02x}").read_bytes() for n in range(5)}

    def stop(progress: Progress) -> None:
        if progress.done == stop_at:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        add(version, [pictures], stop)
    assert contents(version.origin) == {f"{n}.png": data[f"{n}.png"] for n in range(stop_at)}
    assert not [t for t in threading.enumerate() if t.name.startswith("images")]
    assert len(add(version, [pictures]).of(ADDED)) == 5 - stop_at


def test_a_concept_has_a_folder_of_its_own(version: Version, pictures: Path) -> None:
    draw(pictures / "a.png")
    add(version, [pictures])
    report = add(version, [pictures], concept="blue thing")
    assert [item.name for item in report.of(ADDED)] == ["blue thing/a.png"]
    assert {name for group in report.duplicates for name in group.names} == {"a.png", "blue thing/a.png"}
    for name, words in (("Blue Thing", "letter case"), ("a/b", "separator"), ("preload", "copies")):
        with pytest.raises(UsageError, match=words):
            add(version, [pictures], concept=name)


def test_copies_of_sd_webui_train_tools_are_no_originals(version: Version) -> None:
    draw(version.origin / "a.png")
    draw(version.origin / "preload" / "a.png")
    assert [original.name for original in originals_in(version.origin)] == ["a.png"]


@pytest.mark.parametrize("kind", ["huge", "no size", "16 bit", "cmyk", "apng", "webp"])
def test_awkward_kinds_are_taken_or_refused_by_name(
    version: Version, pictures: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    path, taken, words = pictures / "x.png", True, ""
    frames = [Image.new("RGB", (8, 8), colour) for colour in ("red", "blue")]
    if kind == "huge":
        draw(path, size=(100, 100))
        monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1000)
        taken, words = False, "too many pixels"
    elif kind == "no size":
        data = bytearray(draw(path).read_bytes())
        data[16:24] = bytes(8)
        data[29:33] = zlib.crc32(data[12:29]).to_bytes(4, "big")
        path.write_bytes(data)
        taken = False
    elif kind == "16 bit":
        Image.new("I;16", (8, 8), 40000).save(path)
    elif kind == "cmyk":
        path = path.with_suffix(".jpg")
        Image.new("CMYK", (8, 8)).save(path)
    else:
        path = path.with_suffix(".png" if kind == "apng" else ".webp")
        frames[0].save(path, save_all=True, append_images=frames[1:])
        words = "first frame"
    (item,) = add(version, [pictures]).items
    assert item.outcome == (ADDED if taken else FAILED)
    assert words in item.reason
    assert bool(item.reason) == (bool(words) or not taken)


def test_another_writer_is_refused(version: Version, pictures: Path) -> None:
    draw(pictures / "a.png")
    refusals = []

    def meanwhile(progress: Progress) -> None:
        def other() -> None:
            with pytest.raises(UsageError, match="adding images") as caught:
                add(version, [pictures])
            refusals.append(caught)

        thread = threading.Thread(target=other)
        thread.start()
        thread.join()

    add(version, [pictures], meanwhile)
    assert len(refusals) == 1
