"""Zips and metadata files, as people get them from others."""

from __future__ import annotations

import io
import json
import stat
import zipfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from train_tools.dataset import archives
from train_tools.dataset.intake import IntakeReport, add
from train_tools.dataset.process import process
from train_tools.dataset.settings import DatasetSettings
from train_tools.dataset.taking import ADDED, FAILED, IGNORED, THERE
from train_tools.workspace.workspace import Version, Workspace

FOREIGN = (  # paths of another machine
    '{"image_path": "/home/me/set/a.png", "caption": "it is a"}\n'
    r'{"image_path": "C:\\set\\b.png", "caption": "it is b"}'
)
NOT_NUL = st.characters(exclude_categories=["Cs"], exclude_characters="\0")  # zipfile ends a name there


def picture(colour: str = "red", kind: str = "PNG") -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (20, 10), colour).save(buffer, kind)
    return buffer.getvalue()


def zipped(path: Path, members: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> Path:
    with zipfile.ZipFile(path, "w", method) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return path


def names(version: Version) -> set[str]:
    return {p.relative_to(version.origin).as_posix() for p in version.origin.rglob("*") if p.is_file()}


def reasons(report: IntakeReport, outcome: str) -> dict[str, str]:
    return {item.source.rpartition("/")[2]: item.reason for item in report.of(outcome)}


def test_a_zip_gives_what_a_folder_would(version: Version, pictures: Path) -> None:
    path = zipped(
        pictures / "set.zip",
        {
            "a/猫.png": picture(),
            "a/猫.txt": b"a cat",
            "b/one.jpg": picture("blue", "JPEG"),
            "__MACOSX/a/._猫.png": b"junk",
            ".hidden/x.png": b"junk",
            "readme.md": b"hello",
            "inner.zip": b"PK",
        },
    )
    report = add(version, [path])
    assert names(version) == {"猫.png", "猫.txt", "one.jpg"}
    assert (version.origin / "猫.png").read_bytes() == picture()
    assert set(reasons(report, IGNORED)) == {"readme.md", "inner.zip"}
    assert not report.of(FAILED)
    again = add(version, [pictures])  # the zip lies in a folder this time
    assert len(again.of(THERE)) == 2


def test_names_of_chinese_windows_are_read(version: Version, pictures: Path) -> None:
    class Unmarked(zipfile.ZipInfo):
        def _encodeFilenameFlags(self) -> tuple[bytes, int]:
            return self.filename.encode("gb18030"), 0

    with zipfile.ZipFile(pictures / "set.zip", "w") as archive:
        archive.writestr(Unmarked("图片/女孩.png"), picture())
    add(version, [pictures / "set.zip"])
    assert names(version) == {"女孩.png"}


@pytest.mark.parametrize(
    "name",
    [
        "../up.png",
        "/root.png",
        "C:\\windows.png",
        "a/../../b.png",
        "..\\up.png",
        "\\\\server\\x.png",
        "a\x07.png",
    ],
)
def test_path_tricks_are_named_and_refused(version: Version, pictures: Path, name: str) -> None:
    path = zipped(pictures / "set.zip", {name: picture(), "good.png": picture("blue")})
    report = add(version, [path])
    assert names(version) == {"good.png"}
    (failed,) = report.of(FAILED)
    assert "never taken" in failed.reason
    assert not list(pictures.parent.rglob("up.png"))


def test_links_and_encrypted_members_are_named(version: Version, pictures: Path) -> None:
    path = pictures / "set.zip"
    with zipfile.ZipFile(path, "w") as archive:
        link = zipfile.ZipInfo("link.png")
        link.external_attr = (stat.S_IFLNK | 0o777) << 16
        archive.writestr(link, "/etc/passwd")
        archive.writestr("secret.png", picture())
    data = bytearray(path.read_bytes())
    for marker, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):  # local header, directory
        place = data.rindex(marker)
        data[place + offset] |= 1
    path.write_bytes(bytes(data))
    failed = reasons(add(version, [path]), FAILED)
    assert "link" in failed["link.png"]
    assert "password" in failed["secret.png"]
    assert names(version) == set()


def test_a_damaged_member_costs_only_itself(version: Version, pictures: Path) -> None:
    path = zipped(pictures / "set.zip", {"a.png": picture(), "b.png": picture("blue")}, zipfile.ZIP_STORED)
    data = path.read_bytes()
    path.write_bytes(data.replace(picture("blue"), picture("blue")[:-20] + bytes(20), 1))
    report = add(version, [path])
    assert "damaged in the archive" in reasons(report, FAILED)["b.png"]
    assert names(version) == {"a.png"}


def test_what_is_no_zip_is_named(version: Version, pictures: Path) -> None:
    (pictures / "x.zip").write_bytes(b"not a zip")
    (pictures / "cut.zip").write_bytes(
        zipped(pictures / "whole.zip", {"a.png": picture()}).read_bytes()[:-30]
    )
    report = add(version, [pictures])
    assert set(reasons(report, FAILED)) == {"x.zip", "cut.zip"}
    assert names(version) == {"a.png"}


def test_a_bomb_is_refused_unopened(
    version: Version, pictures: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(archives, "ALWAYS_ALLOWED_BYTES", 1_000_000)
    path = zipped(pictures / "bomb.zip", {f"{n}.png": bytes(500_000) for n in range(20)})
    assert "zip bombs" in reasons(add(version, [path]), FAILED)["bomb.zip"]
    monkeypatch.setattr(archives, "MOST_MEMBER_BYTES", 1000)
    path = zipped(pictures / "large.zip", {"big.png": bytes(2000), "a.png": picture()})
    report = add(version, [path])
    assert "at most" in reasons(report, FAILED)["big.png"]
    assert names(version) == {"a.png"}


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(
        st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=30),
        max_size=4,
    )
)
def test_no_name_in_a_zip_leads_out(tmp_path_factory: pytest.TempPathFactory, members: list[str]) -> None:
    folder = tmp_path_factory.mktemp("zip")
    workspace = Workspace(folder / "outputs")
    workspace.create_project("p")
    version = workspace.create_version("p", "v")
    path = zipped(folder / "x.zip", {f"{name}.png": picture() for name in members})
    add(version, [path])
    outside = {p for p in folder.rglob("*.png") if not p.is_relative_to(version.origin)}
    assert outside == set()
    assert path.is_file()


def test_captions_from_metadata_jsonl(version: Version, pictures: Path) -> None:
    (pictures / "train").mkdir()
    for name in ("a.png", "b.png", "c.png", "train/d.png"):
        (pictures / name).write_bytes(picture())
    (pictures / "b.txt").write_text("beside", encoding="utf-8")
    lines = [
        {"file_name": "a.png", "text": "ein Bild", "tags": ["red", "plain"]},
        {"file_name": "b.png", "caption": "the file beside goes first"},
        {"file_name": "c.png", "tags": "only, tags"},
        {"file_name": "train/d.png", "caption": "in a folder"},
        {"file_name": "missing.png", "text": "x"},
    ]
    text = "\n".join(json.dumps(line) for line in lines) + "\nbroken\n"
    (pictures / "metadata.jsonl").write_text(text, encoding="utf-8")
    report = add(version, [pictures])
    captions = {p.name: p.read_text(encoding="utf-8").strip() for p in version.origin.glob("*.txt")}
    assert captions == {
        "a.txt": "ein Bild, red, plain",
        "b.txt": "beside",
        "c.txt": "only, tags",
        "d.txt": "in a folder",
    }
    assert "line 6" in reasons(report, FAILED)["metadata.jsonl"]
    assert "no such image" in reasons(report, IGNORED)["missing.png"]


def test_captions_from_a_metadata_file_of_sd_scripts(version: Version, pictures: Path) -> None:
    for name in ("a.png", "b.v2.png"):
        (pictures / name).write_bytes(picture())
    metadata = {"/home/me/set/a.png": {"caption": "a thing", "tags": "red, plain"}, "b.v2": {"tags": "blue"}}
    (pictures / "meta_cap.json").write_text(json.dumps(metadata), encoding="utf-8")
    (pictures / "settings.json").write_text('{"x": 1}', encoding="utf-8")
    report = add(version, [pictures])
    captions = {p.name: p.read_text(encoding="utf-8").strip() for p in version.origin.glob("*.txt")}
    assert captions == {"a.txt": "a thing, red, plain", "b.v2.txt": "blue"}
    assert set(reasons(report, IGNORED)) == {"settings.json"}


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("captions.json", '{"a.png": "it is a", "b.png": ["it is b", "another"]}'),
        ("data.jsonl", FOREIGN),
        ("list.json", '[{"image": "a.png", "caption": "it is a"}, {"image": "b.png", "text": "it is b"}]'),
        ("metadata.csv", "file_name,text\na.png,it is a\nb.png,it is b\n"),
    ],
)  # fmt: skip
def test_captions_from_lists_of_other_programs(
    version: Version, pictures: Path, name: str, text: str
) -> None:
    for stem in "ab":
        (pictures / f"{stem}.png").write_bytes(picture())
    (pictures / name).write_text(text, encoding="utf-8")
    report = add(version, [pictures])
    captions = {p.name: p.read_text(encoding="utf-8").strip() for p in version.origin.glob("*.txt")}
    assert captions == {"a.txt": "it is a", "b.txt": "it is b"}
    assert {item.outcome for item in report.items} == {ADDED}


def test_captions_in_files_of_their_own(version: Version, pictures: Path) -> None:
    for stem in "abcde":
        (pictures / f"{stem}.png").write_bytes(picture())
    (pictures / "a.json").write_text('{"caption": "it is a", "caption_short": "a"}', encoding="utf-8")
    (pictures / "b.png.txt").write_text("it is b", encoding="utf-8")
    (pictures / "c.cap").write_text("it is c", encoding="utf-8")
    (pictures / "d.txt").write_bytes("it is 猫".encode("utf-16"))  # as old editors save Unicode
    (pictures / "e.txt").write_bytes(b"\xef\xbb\xbfit is e")
    (pictures / "other.json").write_text('{"seed": 1}', encoding="utf-8")
    (pictures / "events.jsonl").write_text('{"step": 1}\n{"step": 2}\n', encoding="utf-8")
    report = add(version, [pictures])
    assert {i.source.rpartition("/")[2] for i in report.of(IGNORED)} == {"other.json", "events.jsonl"}
    process(version, DatasetSettings())
    made = {p.name[8]: p.read_text(encoding="utf-8").strip() for p in version.processed.glob("*/*.txt")}
    assert made == {"a": "it is a", "b": "it is b", "c": "it is c", "d": "it is 猫", "e": "it is e"}


def test_a_single_file_finds_its_line(version: Version, pictures: Path) -> None:
    for name in ("a.png", "b.png"):
        (pictures / name).write_bytes(picture())
    text = "\n".join(json.dumps({"file_name": f"{n}.png", "text": f"it is {n}"}) for n in "ab")
    (pictures / "metadata.jsonl").write_text(text, encoding="utf-8")
    report = add(version, [pictures / "a.png"])
    assert (version.origin / "a.txt").read_text(encoding="utf-8").strip() == "it is a"
    assert [item.outcome for item in report.items] == [ADDED]


def test_names_that_some_system_cant_hold_are_changed_and_said(version: Version, pictures: Path) -> None:
    awkward = {"12:30?.png": "12_30_.png", "CON.png": "CON_.png", "x" * 240 + ".png": "x" * 200 + ".png"}
    colours = zip(awkward, ("red", "blue", "gold"), strict=True)
    path = zipped(pictures / "set.zip", {name: picture(colour) for name, colour in colours})
    report = add(version, [path])
    assert names(version) == set(awkward.values())
    assert all("can't be used on every system" in item.reason for item in report.of(ADDED))
    assert len(add(version, [path]).of(THERE)) == 3
    add(version, [zipped(pictures / "fine.zip", {"猫　写真 (1).png": picture("green")})])
    assert "猫　写真 (1).png" in names(version)
