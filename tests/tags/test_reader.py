"""Captions asked for again and again are read only where something has changed."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from PIL import Image

from train_tools.tags import reader
from train_tools.tags.files import read_one
from train_tools.tags.reader import CaptionReader
from train_tools.tags.service import apply_edit
from train_tools.tags.tokens import count
from train_tools.workspace.files import write_text
from train_tools.workspace.workspace import Version, Workspace


@pytest.fixture
def version(tmp_path: Path) -> Version:
    workspace = Workspace(tmp_path)
    workspace.create_project("p")
    version = workspace.create_version("p", "v")
    folder = version.processed / "2_zorb"
    folder.mkdir(parents=True)
    for name in ("a", "b", "c"):
        Image.new("RGB", (8, 8)).save(folder / f"{name}.png")
        (folder / f"{name}.txt").write_text(f"zorb, {name}\n")
    return version


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    names: list[str] = []
    monkeypatch.setattr(
        reader, "read_one", lambda version, image: names.append(image.path.stem) or read_one(version, image)
    )
    return names


def texts(asked: CaptionReader, version: Version) -> list[str | None]:
    return [one.file.text for one in asked.read(version)]


def test_only_what_changed_is_read_again(version: Version, reads: list[str]) -> None:
    asked = CaptionReader()
    assert texts(asked, version) == ["zorb, a\n", "zorb, b\n", "zorb, c\n"]
    assert reads == ["a", "b", "c"]
    reads.clear()
    assert len(asked.read(version)) == 3
    assert reads == []
    write_text(version.processed / "2_zorb" / "b.txt", "new\n")
    assert texts(asked, version)[1] == "new\n"
    assert reads == ["b"]


def test_files_that_come_and_go(version: Version) -> None:
    asked = CaptionReader()
    asked.read(version)
    folder = version.processed / "2_zorb"
    (folder / "a.png").unlink()
    Image.new("RGB", (8, 8)).save(folder / "d.png")
    assert texts(asked, version) == ["zorb, b\n", "zorb, c\n", None]
    folder.rename(version.processed / "2_other")
    assert [one.file.image.concept for one in asked.read(version)] == ["other"] * 3


def test_what_another_program_writes_in_place_is_seen_later(
    version: Version, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = CaptionReader()
    asked.read(version)
    (version.processed / "2_zorb" / "a.txt").write_text("by hand\n")
    monkeypatch.setattr(reader, "SWEEP_S", 0.0)
    assert texts(asked, version)[0] == "by hand\n"


def test_our_own_edits_are_seen_at_once(version: Version) -> None:
    from train_tools.tags import edits

    asked = CaptionReader()
    asked.read(version)
    apply_edit(version, "add", edits.add("new", back=True))
    assert texts(asked, version) == ["zorb, a, new\n", "zorb, b, new\n", "zorb, c, new\n"]


def test_tokens_are_counted_as_time_allows(version: Version) -> None:
    asked = CaptionReader()
    first = asked.read(version, counting_s=0.0)
    assert sum(one.tokens is not None for one in first) == 1
    deadline = time.monotonic() + 120
    while any(one.tokens is None for one in asked.read(version)):
        assert time.monotonic() < deadline
    assert [one.tokens for one in asked.read(version)] == [count(f"zorb, {name}\n") for name in "abc"]
