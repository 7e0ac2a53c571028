"""Pictures under the names and in the formats that people have, and what is told of those that aren't read."""

from __future__ import annotations

import io
import os
import tarfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from train_tools.dataset import archives, formats, images
from train_tools.dataset.formats import suffix_of, usable_name
from train_tools.dataset.intake import IntakeReport, add
from train_tools.dataset.process import process
from train_tools.dataset.reg import add_reg
from train_tools.dataset.settings import DatasetSettings
from train_tools.dataset.taking import ADDED, FAILED, IGNORED
from train_tools.workspace.workspace import Version


def picture(kind: str = "PNG", colour: str = "red", **options: object) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (40, 30), colour).save(buffer, kind, **options)
    return buffer.getvalue()


def names(version: Version) -> set[str]:
    return {path.name for path in version.origin.iterdir()}


def reasons(report: IntakeReport, outcome: str) -> dict[str, str]:
    return {Path(item.source).name: item.reason for item in report.of(outcome)}


@pytest.mark.parametrize(
    ("given", "kind", "kept"),
    [
        ("a.jfif", "JPEG", "a.jfif"),
        ("a.JPE", "JPEG", "a.JPE"),
        ("a.jif", "JPEG", "a.jif"),
        ("a.dib", "BMP", "a.dib"),
        ("a.heic", "HEIF", "a.heic"),
        ("a.HIF", "HEIF", "a.HIF"),
        ("a.avif", "AVIF", "a.avif"),
        ("a", "JPEG", "a.jpg"),  # no suffix
        ("IMG_2024.10.05", "PNG", "IMG_2024.10.05.png"),  # a date, not a suffix
        ("a.jpg_large", "JPEG", "a.jpg"),
        ("a.png!w640", "WEBP", "a.webp"),
        ("a.jpeg@webp", "WEBP", "a.webp"),
        ("a.tmp", "GIF", "a.tmp.gif"),
        ("a.png", "JPEG", "a.png"),  # wrong, but programs look into the file
        ("a.jpg", "HEIF", "a.heic"),  # what no program expects there
        ("a.png", "TIFF", "a.tif"),
    ],
)
def test_content_decides_and_bytes_stay(
    version: Version, pictures: Path, given: str, kind: str, kept: str
) -> None:
    data = picture(kind)
    (pictures / given).write_bytes(data)
    (pictures / f"{Path(kept).stem}.txt").write_text("zorb, red", encoding="utf-8")
    report = add(version, [pictures])
    assert names(version) == {kept, f"{Path(kept).stem}.txt"}
    assert (version.origin / kept).read_bytes() == data
    assert not report.of(FAILED)
    process(version, DatasetSettings())
    (made,) = version.processed.glob("*/*.png")
    with Image.open(made) as image:
        red, green, blue = image.convert("RGB").getpixel((20, 15))  # type: ignore[misc]
        assert (red > 240, green < 15, blue < 15) == (True, True, True)
    assert made.with_suffix(".txt").read_text(encoding="utf-8").strip() == "zorb, red"


@pytest.mark.parametrize(
    ("given", "kind", "kept"),
    [
        ("a.jfif", "JPEG", "a.jpg"),
        ("a.png", "JPEG", "a.png"),
        ("a.jpg", "HEIF", "a.png"),  # no trainer reads its bytes
        ("a.png", "AVIF", "a.png"),
        ("a", "WEBP", "a.webp"),
    ],
)
def test_regularisation_images_are_what_trainers_read(
    version: Version, pictures: Path, given: str, kind: str, kept: str
) -> None:
    (pictures / given).write_bytes(picture(kind))
    add_reg(version, [pictures], "person")
    (made,) = (version.reg / "1_person").iterdir()
    assert made.name == kept
    with Image.open(made) as image:
        assert image.format in ("PNG", "JPEG", "WEBP")


def test_a_phone_s_picture_stands_upright(version: Version, pictures: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    for name, kind in (("a.heic", "HEIF"), ("b.jpg", "JPEG"), ("c.webp", "WEBP"), ("d.png", "PNG")):
        (pictures / name).write_bytes(picture(kind, exif=exif))
    add(version, [pictures])
    process(version, DatasetSettings())
    made = sorted(version.processed.glob("*/*.png"))
    sizes = [Image.open(path).size for path in made]
    assert sizes[1:] == [(30, 40)] * 3
    # HEIF's own boxes turn a picture; its writer leaves EXIF's word out, as readers of HEIF do.
    assert sizes[0] in ((30, 40), (40, 30))


def test_heic_without_its_library_is_told(
    version: Version, pictures: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (pictures / "a.heic").write_bytes(picture("HEIF"))
    monkeypatch.setattr(formats, "FORMATS", tuple(kind for kind in formats.FORMATS if kind != "HEIF"))
    monkeypatch.setattr(images, "HAS_HEIF", False)
    assert "pillow-heif" in reasons(add(version, [pictures]), FAILED)["a.heic"]


def test_sixteen_bits_of_colour(version: Version, pictures: Path) -> None:
    import cv2

    values = np.zeros((30, 40, 3), np.uint16)
    values[..., 2] = 65535  # red, as OpenCV orders them
    for name in ("a.png", "b.tiff"):
        (pictures / name).write_bytes(cv2.imencode(Path(name).suffix, values)[1].tobytes())
    add(version, [pictures])
    process(version, DatasetSettings())
    for made in version.processed.glob("*/*.png"):
        assert Image.open(made).convert("RGB").getpixel((5, 5)) == (255, 0, 0)


@pytest.mark.parametrize(
    ("name", "outcome", "words"),
    [
        ("set.rar", FAILED, "unpack it first, or make a zip"),
        ("set.7z", FAILED, "unpack it first, or make a zip"),
        ("set.tar.zst", FAILED, "unpack it first, or make a zip"),
        ("a.CR2", FAILED, "export it as JPEG"),
        ("a.dng", FAILED, "export it as JPEG"),
        ("a.psd", FAILED, "save it as PNG"),
        ("a.jxl", FAILED, "save it as PNG"),
        ("a.svg", FAILED, "save it as PNG"),
        ("a.mp4", IGNORED, "save the frames"),
        ("a_te.npz", IGNORED, "cache of another trainer"),
        ("last.safetensors", IGNORED, "a model"),
        ("a.pdf", IGNORED, "not an image (.pdf)"),
        ("notes", IGNORED, "not an image (no suffix)"),
    ],
)
def test_what_isnt_read_is_told(
    version: Version, pictures: Path, name: str, outcome: str, words: str
) -> None:
    (pictures / name).write_bytes(b"II*\0 or anything" if name.endswith("dng") else b"anything")
    (pictures / "good.png").write_bytes(picture())
    report = add(version, [pictures])
    assert words in reasons(report, outcome)[name]
    assert names(version) == {"good.png"}


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"<!DOCTYPE html><html>403</html>", "web page"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:aa\n", "Git LFS"),
        (b'<svg xmlns="http://www.w3.org/2000/svg"/>', "SVG"),
        (b"%PDF-1.7", "PDF"),
        (b"PK\x03\x04", "zip"),
        (b"anything else", "isn't a picture in a format that is read"),
    ],
)
def test_what_lies_under_a_picture_s_name_is_told(
    version: Version, pictures: Path, data: bytes, words: str
) -> None:
    (pictures / "a.jpg").write_bytes(data)
    assert words in reasons(add(version, [pictures]), FAILED)["a.jpg"]


def test_what_systems_leave_beside_pictures_is_nobody_s(version: Version, pictures: Path) -> None:
    for name in ("Thumbs.db", ".DS_Store", "desktop.ini", "__MACOSX/._a.png", "@eaDir/a.png/SYNO_THUMB.png"):
        path = pictures / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(picture())
    (pictures / "a.png").write_bytes(picture())
    assert [item.outcome for item in add(version, [pictures]).items] == [ADDED]


def packed(path: Path, members: dict[str, bytes], mode: str = "w") -> Path:
    with tarfile.open(path, mode) as archive:  # type: ignore[call-overload]
        for name, data in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return path


@pytest.mark.parametrize(
    ("ending", "mode"), [(".tar", "w"), (".tar.gz", "w:gz"), (".tgz", "w:gz"), (".tar.xz", "w:xz")]
)
def test_a_tar_gives_what_a_folder_would(version: Version, pictures: Path, ending: str, mode: str) -> None:
    members = {f"./{n}/猫.png": picture(colour=c) for n, c in enumerate(("red", "blue", "green", "gold"))}
    path = packed(pictures / f"set{ending}", {**members, "0/猫.txt": b"a cat", ".hidden/x.png": b"x"}, mode)
    report = add(version, [path])
    assert len(report.of(ADDED)) == 4
    assert (version.origin / "猫.png").read_bytes() == picture()
    assert (version.origin / "猫.txt").read_bytes() == b"a cat"


def test_a_tar_leads_nowhere_and_may_be_damaged(
    version: Version, pictures: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = pictures / "set.tar"
    with tarfile.open(path, "w") as archive:
        for name, kind in (("link.png", tarfile.SYMTYPE), ("pipe.png", tarfile.FIFOTYPE)):
            info = tarfile.TarInfo(name)
            info.type, info.linkname = kind, "/etc/passwd"
            archive.addfile(info)
        for name in ("../up.png", "/root.png", "good.png"):
            info = tarfile.TarInfo(name)
            info.size = len(picture())
            archive.addfile(info, io.BytesIO(picture()))
    (pictures / "bad.tar.gz").write_bytes(b"\x1f\x8b but no more")
    (pictures / "none.tar").write_bytes(b"x" * 2000)
    failed = reasons(add(version, [pictures]), FAILED)
    assert names(version) == {"good.png"}
    assert "link" in failed["link.png"]
    assert "plain file" in failed["pipe.png"]
    assert "never taken" in failed["up.png"]
    assert "never taken" in failed["root.png"]
    assert "pack it again" in failed["bad.tar.gz"]
    assert "pack it again" in failed["none.tar"]
    monkeypatch.setattr(archives, "ALWAYS_ALLOWED_BYTES", 1_000_000)
    bomb = packed(pictures / "bomb.tar.gz", {"a.png": bytes(5_000_000)}, "w:gz")
    assert "zip bombs" in reasons(add(version, [bomb]), FAILED)["bomb.tar.gz"]


def test_a_rar_that_is_called_zip_is_told(version: Version, pictures: Path) -> None:
    (pictures / "set.zip").write_bytes(b"Rar!\x1a\x07\x01\x00 and so on")
    assert "RAR" in reasons(add(version, [pictures]), FAILED)["set.zip"]


@pytest.mark.skipif(os.name == "nt", reason="links need a right there")
def test_linked_folders_are_searched_once(version: Version, pictures: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    (elsewhere / "inner").mkdir(parents=True)
    (elsewhere / "inner" / "a.png").write_bytes(picture())
    (pictures / "here").mkdir()
    (pictures / "here" / "b.png").write_bytes(picture(colour="blue"))
    (pictures / "linked").symlink_to(elsewhere)
    (elsewhere / "back").symlink_to(pictures)  # round and round
    (elsewhere / "self").symlink_to(elsewhere / "self")
    (pictures / "again").symlink_to(pictures / "here")
    (pictures / "gone.png").symlink_to(tmp_path / "nothing.png")
    report = add(version, [pictures])
    assert names(version) == {"a.png", "b.png"}
    assert "searched anyhow" in reasons(report, IGNORED)["again"]
    assert "searched anyhow" in reasons(report, IGNORED)["back"]
    assert "nowhere" in reasons(report, FAILED)["gone.png"]


@given(
    st.binary(max_size=80),
    st.text(st.characters(exclude_characters="/\0", exclude_categories=["Cs"]), min_size=1),
)
def test_a_name_is_changed_for_pictures_alone_and_once(head: bytes, name: str) -> None:
    if name in (".", ".."):
        return
    new = usable_name(name, head)
    assert usable_name(new, head) == new
    assert new == name or new.endswith(suffix_of(head))
