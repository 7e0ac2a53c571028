"""A model file is its content: read once, remembered, and never waited for."""

from __future__ import annotations

import hashlib
import json
import os
import time
from pathlib import Path

import pytest

from train_tools.base_model import identity
from train_tools.base_model.identity import Library


def sha(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def test_a_file_is_read_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = tmp_path / "model.safetensors"
    model.write_bytes(b"weights")
    assert Library(tmp_path).look(model).token == f"sha256:{sha(b'weights')}"
    monkeypatch.setattr(identity, "_hash", lambda *_: pytest.fail("it is remembered"))
    assert Library(tmp_path).look(model).sha256 == sha(b"weights")
    assert Library(tmp_path).read(str(model)).sha256 == sha(b"weights")


def test_one_that_is_written_anew_is_another(tmp_path: Path) -> None:
    """Also with its old size and time of change, as some programs set it."""
    model = tmp_path / "model.safetensors"
    model.write_bytes(b"one")
    before, status = Library(tmp_path).look(model), model.stat()
    time.sleep(0.02)
    model.write_bytes(b"two")
    os.utime(model, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert Library(tmp_path).look(model).sha256 == sha(b"two")
    assert Library(tmp_path).remembered(before) == sha(b"one")


def test_a_large_file_is_read_in_the_background(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(identity, "AT_ONCE", 2)
    one, other = tmp_path / "a" / "model.ckpt", tmp_path / "b" / "model.ckpt"
    for path, data in ((one, b"123"), (other, b"321")):
        path.parent.mkdir()
        path.write_bytes(data)
    library = Library(tmp_path)
    tokens = {library.look(path).token for path in (one, other)}
    assert len(tokens) == 2  # known or not yet, they are never one
    while not (library.look(one).sha256 and library.look(other).sha256):
        time.sleep(0.01)
    assert {library.look(path).sha256 for path in (one, other)} == {sha(b"123"), sha(b"321")}


def test_reading_tells_how_far_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(identity, "BLOCK", 4)
    model = tmp_path / "model.ckpt"
    model.write_bytes(b"0123456789")
    told: list[tuple[int, int]] = []
    Library(tmp_path).read(model, lambda done, of: told.append((done, of)))
    assert told == [(4, 10), (8, 10), (10, 10)]


def test_a_diffusers_folder_is_all_its_weights(tmp_path: Path) -> None:
    def make(name: str, unet: bytes) -> Path:
        folder = tmp_path / name
        for part, data in (("unet", unet), ("vae", b"v")):
            (folder / part).mkdir(parents=True)
            (folder / part / "diffusion_pytorch_model.safetensors").write_bytes(data)
        (folder / "README.md").write_text(name, encoding="utf-8")
        return folder

    first, copy, other = make("first", b"u"), make("copy", b"u"), make("other", b"w")
    looks = [Library(tmp_path).look(folder) for folder in (first, copy, other)]
    assert looks[0].sha256 == looks[1].sha256 != looks[2].sha256
    assert all(len(look.sha256) == 64 for look in looks)


def test_what_isnt_there_or_damaged_stops_nothing(tmp_path: Path) -> None:
    gone = Library(tmp_path).look(tmp_path / "gone.safetensors")
    assert (gone.sha256, gone.is_there, gone.token.startswith("missing:")) == ("", False, True)
    cache = tmp_path / "train_tools" / "cache" / identity.FILE
    model = tmp_path / "model.ckpt"
    model.write_bytes(b"1")
    for content in ("", "[]", json.dumps({"schema": 9, "sha256": {}})):
        cache.parent.mkdir(parents=True, exist_ok=True)
        cache.write_text(content, encoding="utf-8")
        assert Library(tmp_path).look(model).sha256 == sha(b"1")
