"""Versions with a bit of everything."""

from __future__ import annotations

import json
from pathlib import Path

from train_tools.workspace.tree import is_unfinished
from train_tools.workspace.workspace import Version


def fill(version: Version) -> Version:
    put(version.origin / "a photo.jpg", b"original")
    put(version.origin / "图.png", b"original 2")
    for name in ("00001-0-a", "00002-0-b"):
        put(version.processed / "10_zorb" / f"{name}.png", b"picture " + name.encode())
        put(version.processed / "10_zorb" / f"{name}.txt", b"zorb, a circle")
    put(version.history / "20260101-000000-r1" / "10_zorb" / "00001-0-a.png", b"older")
    put(version.reg / "1_circle" / "1.png", b"regular")
    put(version.settings_file, b'schema = 1\nmine = "kept"\n\n[dataset]\nwidth = 640\n')
    add_run(version, "base-bs-1", "finished")
    put(version.folder / "previews" / "previews.json", b"{}")
    return version


def add_run(version: Version, name: str, state: str, **record: object) -> Path:
    folder = version.trains / name
    arguments = {
        "train_data_dir": str(version.processed.absolute()),
        "output_dir": str(folder.absolute()),
        "output_name": "zorb-v1-abcdefgh",
        "resolution": "512,512",
    }
    text = "".join(f"{key} = {json.dumps(value)}\n" for key, value in arguments.items())
    put(folder / "run.toml", text.encode())
    known = {
        "run_id": "abcdefgh", "digest": "00", "state": state, "engine": "packed", "steps": 4,
        "output_name": "zorb-v1-abcdefgh", "dataset_fingerprint": "f",
    }  # fmt: skip
    put(folder / "run.json", json.dumps({**known, **record}).encode())
    put(folder / "zorb-v1-abcdefgh.safetensors", b"weights")
    put(folder / "zorb-v1-abcdefgh" / "images" / "cell-1.png", b"cell")
    return folder


def put(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)


def contents(folder: Path) -> dict[str, bytes]:
    """All files below, but locks and what is unfinished."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not any(map(is_unfinished, path.relative_to(folder).parts))
    }
