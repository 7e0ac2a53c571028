"""Runs with checkpoints and pictures, written as the engine and the preview write them."""

from __future__ import annotations

import hashlib
import json
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from PIL import Image

from train_tools.preview.index import CellEntry, Index, read_index, write_index
from train_tools.workspace import toml
from train_tools.workspace.workspace import Version


def write_checkpoint(path: Path, metadata: Mapping[str, str], content: bytes = b"\0\0\0\0") -> None:
    """A safetensors file with one tensor of bytes."""
    entry = {"dtype": "U8", "shape": [len(content)], "data_offsets": [0, len(content)]}
    head = json.dumps({"__metadata__": dict(metadata), "lora.alpha": entry}).encode()
    head += b" " * (-len(head) % 8)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(struct.pack("<Q", len(head)) + head + content)


def add_run(version: Version, name: str, epochs: int = 3, **arguments: Any) -> list[Path]:
    """A run folder with a checkpoint an epoch."""
    folder = version.trains / name
    folder.mkdir(parents=True)
    values = {"output_name": f"zorb-{name}", "output_dir": str(folder), **arguments}
    (folder / "run.toml").write_text(toml.dumps(values), encoding="utf-8")
    paths = []
    for epoch in range(1, epochs + 1):
        ending = "" if epoch == epochs else f"-{epoch:06d}"
        path = folder / f"zorb-{name}{ending}.safetensors"
        content = hashlib.sha256(f"{name} {epoch}".encode()).digest()
        said = {"ss_epoch": str(epoch), "ss_steps": str(10 * epoch), "ss_output_name": f"zorb-{name}",
                "sshs_model_hash": hashlib.sha256(content).hexdigest()}  # fmt: skip
        write_checkpoint(path, said, content)
        paths.append(path)
    return paths


def picture(colour: tuple[int, int, int] = (200, 30, 30), size: tuple[int, int] = (64, 64)) -> Image.Image:
    return Image.new("RGB", size, colour)


def cell(run: str, file: str, epoch: int, prompt: str, weight: float, key: str, **changes: Any) -> CellEntry:
    image = f"trains/{run}/{Path(file).stem}/images/cell-{key}.png"
    values = {
        "key": key, "run": run, "checkpoint": file, "epoch": epoch, "weight_unet": weight, "weight_te": weight,
        "block_weights": "", "base_model": "base.safetensors", "prompt": prompt, "text": prompt,
        "negative_prompt": "", "seed": 1, "sampler": "Euler", "scheduler": "", "steps": 20, "cfg_scale": 5.0,
        "clip_skip": 1, "width": 64, "height": 64, "renderer": "diffusers", "image": image,
    }  # fmt: skip
    return CellEntry(**{**values, **changes})


def add_pictures(version: Version, pictures: Mapping[CellEntry, Image.Image]) -> None:
    """Writes the pictures and adds them to the index."""
    for entry, image in pictures.items():
        path = version.folder / entry.image
        path.parent.mkdir(parents=True, exist_ok=True)
        image.save(path)
    before = read_index(version)
    write_index(version, Index(made=1.0, cells=(*before.cells, *pictures)))
