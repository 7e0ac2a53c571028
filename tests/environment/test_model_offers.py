"""What can be fetched of a model, how much that is, and that it lies where all programs find it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from environment.files_server import Files, serving

from train_tools.environment import hub
from train_tools.environment.model_offers import fetch_file, fetch_files, offers
from train_tools.environment.network import Network
from train_tools.errors import UsageError

DATA = b"weights" * 9000
COMMIT = "c" * 40


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Files]:
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))
    with serving() as served:
        yield served


def repository(files: Files, **sizes: int) -> None:
    siblings = [{"rfilename": name.replace("__", "/"), "size": size} for name, size in sizes.items()]
    listing = json.dumps({"sha": COMMIT, "siblings": siblings}).encode()
    for revision in ("main", COMMIT):
        files.content[f"/api/models/o/n/revision/{revision}"] = listing


def test_each_file_of_weights_with_its_size(files: Files) -> None:
    repository(files, **{"README.md": 3, "full.safetensors": 7_000_000_000, "pruned.ckpt": 4_000_000_000})
    found = offers("o/n", Network(files.address))
    assert [(one.source, one.bytes, one.files) for one in found] == [
        ("o/n:full.safetensors", 7_000_000_000, ()),
        ("o/n:pruned.ckpt", 4_000_000_000, ()),
    ]


def test_a_diffusers_folder_is_offered_whole_in_one_format(files: Files) -> None:
    names = {
        "model_index.json": 1, "sd.safetensors": 900, "scheduler__s.json": 2, "safety_checker__model.safetensors": 800,
        "unet__config.json": 3, "unet__m.safetensors": 100, "unet__m.fp16.safetensors": 50, "unet__m.bin": 100,
        "vae__m.bin": 40, "text_encoder__m.fp16.safetensors": 30, "unet__flax.msgpack": 100,
    }  # fmt: skip
    repository(files, **names)
    whole = offers("o/n", Network(files.address))[-1]
    assert (whole.source, whole.bytes) == ("o/n", 1 + 2 + 3 + 100 + 40 + 30)
    assert set(whole.files) == {
        "model_index.json", "scheduler/s.json", "unet/config.json", "unet/m.safetensors", "vae/m.bin",
        "text_encoder/m.fp16.safetensors",
    }  # fmt: skip


def test_an_address_says_its_size(files: Files) -> None:
    files.content["/somewhere/a.safetensors"] = DATA
    (found,) = offers(f"{files.address}/somewhere/a.safetensors", Network(files.address))
    assert (found.name, found.bytes) == ("a.safetensors", len(DATA))


def test_what_holds_no_model_is_said(files: Files) -> None:
    repository(files, **{"README.md": 3})
    with pytest.raises(UsageError, match="holds no weights"):
        offers("o/n", Network(files.address))


def test_files_lie_where_hugging_faces_tools_find_them(files: Files, tmp_path: Path) -> None:
    repository(files, **{"model.onnx": len(DATA), "sub__tags.csv": 4, "other.bin": 9})
    files.content[f"/o/n/resolve/{COMMIT}/model.onnx"] = DATA
    files.content[f"/o/n/resolve/{COMMIT}/sub/tags.csv"] = b"a,b\n"
    files.cuts = [10_000, 30_000]  # after the list the connection ends once
    told: list[tuple[int, int, str]] = []
    folder = fetch_files(
        "o/n", ["model.onnx", "sub/tags.csv"], Network(files.address), lambda *one: told.append(one)
    )
    assert (folder / "model.onnx").read_bytes() == DATA
    assert told[-1][:2] == (len(DATA) + 4, len(DATA) + 4)
    assert "bytes=30000-" in files.ranges
    from huggingface_hub import snapshot_download

    found = snapshot_download("o/n", cache_dir=tmp_path / "hub", local_files_only=True)
    assert Path(found).samefile(folder)
    before = len(files.ranges)
    fetch_files("o/n", ["model.onnx"], Network(files.address))
    assert len(files.ranges) == before + 1, "the list of files alone is asked for again"


def test_nothing_is_written_outside(files: Files) -> None:
    for name in ("../evil.bin", "/etc/evil.bin", "a:b.bin"):
        repository(files, **{name: 3})
        with pytest.raises(UsageError, match="outside of its folder"):
            fetch_files("o/n", [name], Network(files.address))
    repository(files, **{"a.bin": 3})
    with pytest.raises(UsageError, match=r"has no b\.bin any more"):
        fetch_files("o/n", ["b.bin"], Network(files.address))
    assert not hub.reference("o/n").exists()


def test_one_file_goes_into_a_folder(files: Files, tmp_path: Path) -> None:
    files.content["/o/n/resolve/main/a.safetensors"] = DATA
    assert fetch_file("o/n:a.safetensors", tmp_path / "new", Network(files.address)).read_bytes() == DATA
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["a.safetensors"]
