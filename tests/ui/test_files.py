"""Pictures and downloads come from the version's folder, and from nowhere else."""

from __future__ import annotations

import io
import os
from pathlib import Path

import pytest
from PIL import Image
from starlette.testclient import TestClient

from train_tools.workspace.workspace import Version

BASE = "/v/猫 cat/v1/"


@pytest.fixture
def picture(version: Version) -> Path:
    path = version.origin / "图 1.png"
    Image.new("RGB", (800, 400), (200, 30, 30)).save(path)
    return path


def test_a_picture_comes_whole_and_small(page: TestClient, picture: Path) -> None:
    whole = page.get(f"/files{BASE}dataset/origin/图 1.png")
    assert whole.content == picture.read_bytes()
    small = page.get(f"/thumbs{BASE}dataset/origin/图 1.png?side=192")
    assert small.headers["Content-Type"] == "image/webp"
    with Image.open(io.BytesIO(small.content)) as image:
        assert image.size == (192, 96)


def test_a_changed_picture_has_another_thumbnail(page: TestClient, picture: Path) -> None:
    address = f"/thumbs{BASE}dataset/origin/图 1.png"
    first = page.get(address).content
    Image.new("RGB", (400, 400), (30, 30, 200)).save(picture)
    second = page.get(address).content
    with Image.open(io.BytesIO(second)) as image:
        assert image.size == (192, 192)
    assert first != second


@pytest.mark.parametrize(
    "path",
    [
        "dataset/origin/none.png", "../v2/dataset/origin/x.png", "%2e%2e/%2e%2e/secret.txt", "/etc/passwd",
        ".writing.json", ".thumbnails/aa/x.webp", "dataset/origin", "dataset\\origin\\图 1.png", "a%00.png",
    ],
)  # fmt: skip
def test_nothing_else_is_given(page: TestClient, picture: Path, tmp_path: Path, path: str) -> None:
    (tmp_path / "secret.txt").write_text("secret")
    answer = page.get(f"/files{BASE}{path}")
    assert answer.status_code in (400, 404)
    assert "secret" not in answer.text


@pytest.mark.skipif(os.name == "nt", reason="making links needs rights there")
def test_a_link_that_leaves_the_version_is_refused(
    page: TestClient, version: Version, tmp_path: Path
) -> None:
    (tmp_path / "secret.txt").write_text("secret")
    (version.origin / "link.txt").symlink_to(tmp_path / "secret.txt")
    answer = page.get(f"/files{BASE}dataset/origin/link.txt")
    assert answer.status_code in (400, 404)


def test_what_may_hold_a_script_is_only_saved(page: TestClient, version: Version) -> None:
    (version.folder / "version.toml").write_text("schema = 1\n")
    answer = page.get(f"/files{BASE}version.toml")
    assert answer.headers["Content-Disposition"].startswith("attachment")
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


def test_a_damaged_picture_is_a_sentence(page: TestClient, version: Version) -> None:
    (version.origin / "bad.png").write_bytes(b"\x89PNG\r\n\x1a\nnothing")
    answer = page.get(f"/thumbs{BASE}dataset/origin/bad.png")
    assert answer.status_code == 400
    assert "bad.png" in answer.json()["error"]


def test_a_missing_version_is_a_sentence(page: TestClient, version: Version) -> None:
    answer = page.get("/files/v/猫 cat/v2/dataset/origin/x.png")
    assert answer.status_code == 400
    assert "v2" in answer.json()["error"]
