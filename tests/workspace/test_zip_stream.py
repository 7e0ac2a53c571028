"""A folder as a zip that is made while it is read."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import pytest

from train_tools.workspace.zip_stream import LEFT_OUT, parcel_of, zip_pieces

GIB = 1 << 30


def test_names_of_any_script_and_all_bytes_come_back(tmp_path: Path) -> None:
    folder = tmp_path / "猫 run"
    (folder / "图片").mkdir(parents=True)
    (folder / "图片" / "ねこ 😺.png").write_bytes(bytes(range(256)) * 9000)
    (folder / "train.log").write_text("step\n" * 1000, encoding="utf-8")
    parcel = parcel_of(folder)
    assert (len(parcel.files), parcel.bytes) == (2, 256 * 9000 + 5000)
    pieces = list(zip_pieces(parcel))
    assert max(map(len, pieces)) < 2 << 20  # never the whole of a large file
    with zipfile.ZipFile(io.BytesIO(b"".join(pieces))) as archive:
        assert archive.testzip() is None
        assert set(archive.namelist()) == {"猫 run/图片/ねこ 😺.png", "猫 run/train.log"}
        assert archive.read("猫 run/图片/ねこ 😺.png") == bytes(range(256)) * 9000
        assert archive.getinfo("猫 run/train.log").compress_size < 100


def test_what_cant_go_along_is_said_inside(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    folder.mkdir()
    for name in ("a.png", "b.png"):
        (folder / name).write_bytes(b"x")
    (folder / "link.png").symlink_to(folder / "a.png")
    parcel = parcel_of(folder)
    (folder / "b.png").unlink()  # a training that goes on
    with zipfile.ZipFile(io.BytesIO(b"".join(zip_pieces(parcel)))) as archive:
        assert set(archive.namelist()) == {"run/a.png", f"run/{LEFT_OUT}"}
        told = archive.read(f"run/{LEFT_OUT}").decode()
    assert "link.png" in told
    assert "b.png" in told


@pytest.mark.thorough
def test_a_file_larger_than_4_gib(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    folder.mkdir()
    with (folder / "large.safetensors").open("wb") as stream:
        stream.truncate(4 * GIB + 5)
    zipped = tmp_path / "run.zip"
    with zipped.open("wb") as stream:
        for piece in zip_pieces(parcel_of(folder)):
            if piece.count(0) == len(piece):
                stream.seek(len(piece), io.SEEK_CUR)  # zeros take no room on the disk
            else:
                stream.write(piece)
    with zipfile.ZipFile(zipped) as archive:
        assert archive.getinfo("run/large.safetensors").file_size == 4 * GIB + 5
        assert archive.testzip() is None
