"""Previews from run folders: what is rendered, what is kept, and whether packing changes a picture."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from small_base import random_base

from train_tools.base_model.convert import write_checkpoint
from train_tools.base_model.load import BaseModel
from train_tools.errors import UsageError
from train_tools.lora import kohya
from train_tools.lora.stack import LoraStack
from train_tools.lora.targets import text_targets, unet_targets
from train_tools.preview.render import Frame, Request, render_base, render_loras
from train_tools.preview.service import PreviewResult, preview
from train_tools.preview.settings import PreviewSettings
from train_tools.workspace import toml
from train_tools.workspace.workspace import Version, Workspace

PROMPTS = ("zorb, a red circle", "{trigger} 在蓝色背景上")


@pytest.fixture(scope="module")
def base() -> BaseModel:
    return random_base()


@pytest.fixture(scope="module")
def base_file(base: BaseModel, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("models") / "random.safetensors"
    write_checkpoint(base, path)
    return path


def write_lora(base: BaseModel, path: Path, seed: int, rank: int, epoch: int) -> None:
    stack = LoraStack(unet_targets(base.unet) + text_targets(base.text_encoder), [rank], [rank])
    stack.flat.copy_(torch.randn(stack.flat.shape, generator=torch.Generator().manual_seed(seed)) * 0.2)
    kohya.write(path, kohya.tensors_of(stack, 0, torch.float32), {"ss_epoch": str(epoch)})


@pytest.fixture
def version(base: BaseModel, base_file: Path, tmp_path: Path) -> Version:
    """Two runs, the first with two checkpoints, of other ranks."""
    workspace = Workspace(tmp_path)
    workspace.create_project("zorb")
    made = workspace.create_version("zorb", "v1")
    (made.processed / "5_zorb").mkdir(parents=True)
    Image.new("RGB", (64, 64)).save(made.processed / "5_zorb" / "00001-0-a.png")
    for number, (optimizer, rank, epochs) in enumerate((("Lion", 4, (1, 2)), ("AdamW", 2, (2,)))):
        folder = made.trains / f"run-{optimizer}"
        folder.mkdir(parents=True)
        arguments = {
            "pretrained_model_name_or_path": str(base_file),
            "train_data_dir": str(made.processed),
            "resolution": "64,64",
            "optimizer_type": optimizer,
            "output_name": f"zorb-v1-{number}",
        }
        (folder / "run.toml").write_text(toml.dumps(arguments), encoding="utf-8")
        for epoch in epochs:
            name = f"zorb-v1-{number}" + ("" if epoch == 2 else f"-{epoch:06d}")
            write_lora(base, folder / f"{name}.safetensors", 10 * number + epoch, rank, epoch)
    return made


def settings(**changes: object) -> PreviewSettings:
    plain = {"prompts": PROMPTS, "weights": (0.0, 1.0), "steps": 3, "cfg_scale": 3.0, "batch_cells": 3}
    return PreviewSettings(**{**plain, **changes})  # type: ignore[arg-type]


def render(version: Version, chosen: PreviewSettings) -> tuple[PreviewResult, list[tuple[int, int]]]:
    seen: list[tuple[int, int]] = []
    return preview(version, chosen, lambda done, of: seen.append((done, of))), seen


def test_a_grid_for_each_checkpoint_and_a_sheet_across_the_runs(version: Version) -> None:
    result, seen = render(version, settings())
    assert len(result.grids) == 3
    assert (result.rendered, result.kept) == (12, 0)
    assert seen == [(n, 12) for n in range(1, 13)]
    for grid in result.grids:
        assert grid.parent.name == "images"
        assert grid.parent.parent.with_suffix(".safetensors").is_file()
        with Image.open(grid) as image:
            assert image.width > 2 * 128
            assert image.height > 2 * 128
    assert result.sheet.parent == version.folder / "previews"
    index = json.loads((version.folder / "previews" / "previews.json").read_text(encoding="utf-8"))
    assert len(index["cells"]) == 12
    assert all((version.folder / cell["image"]).is_file() for cell in index["cells"])
    assert {cell["prompt"] for cell in index["cells"]} == {PROMPTS[0], "zorb 在蓝色背景上"}


def test_the_lora_shows_at_weight_one_and_weight_zero_is_the_same_everywhere(version: Version) -> None:
    render(version, settings())
    index = json.loads((version.folder / "previews" / "previews.json").read_text(encoding="utf-8"))
    pictures = {
        (c["checkpoint"], c["prompt"], c["weight"]): (version.folder / c["image"]).read_bytes()
        for c in index["cells"]
    }
    checkpoints = {key[0] for key in pictures}
    at_zero = {pictures[c, PROMPTS[0], 0.0] for c in checkpoints}
    at_one = {pictures[c, PROMPTS[0], 1.0] for c in checkpoints}
    assert len(at_zero) == 1
    assert len(at_one) == 3
    assert not at_zero & at_one


def test_only_what_is_new_is_rendered(version: Version) -> None:
    render(version, settings())
    again, _ = render(version, settings())
    assert (again.rendered, again.kept) == (0, 12)
    wider, _ = render(version, settings(weights=(0.0, 0.5, 1.0)))
    assert (wider.rendered, wider.kept) == (6, 12)
    other_seed, _ = render(version, settings(seed=2))
    assert other_seed.rendered == 12


def test_png_info_says_how_a_cell_was_made(version: Version) -> None:
    result, _ = render(version, settings(negative_prompt="blur"))
    texts = []
    for path in result.grids[0].parent.glob("cell-*.png"):
        with Image.open(path) as image:
            texts.append(image.text["parameters"])  # type: ignore[attr-defined]
    assert any("<lora:zorb-v1-1:1>" in text for text in texts)
    assert all(
        "\nNegative prompt: blur\nSteps: 3, Sampler: DDIM, CFG scale: 3, Seed: 1, Size: 64x64" in t
        for t in texts
    )


def test_a_version_without_checkpoints_says_what_to_do(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    workspace.create_project("p")
    with pytest.raises(UsageError, match="train first"):
        render(workspace.create_version("p", "v"), settings())


@pytest.mark.parametrize("sampler", ["DDIM", "Euler", "DPM++ 2M"])
def test_packed_pictures_equal_pictures_alone(base: BaseModel, tmp_path: Path, sampler: str) -> None:
    files = []
    for number, rank in enumerate((2, 4)):
        path = tmp_path / f"{number}.safetensors"
        write_lora(base, path, number, rank, 1)
        files.append(kohya.read(path))
    frame = Frame(64, 64, 1, settings(sampler=sampler, steps=4))
    requests = [[Request("a red circle", 0.5), Request("a zorb", 1.0)]] * 2
    packed = render_loras(base, files, requests, frame)
    alone = [
        render_loras(base, [file], [[request]], frame)[0]
        for file, row in zip(files, requests, strict=True)
        for request in row
    ]
    for one, other in zip(packed, alone, strict=True):
        assert np.abs(np.int16(one) - np.int16(other)).max() <= 1
    assert len({picture.tobytes() for picture in packed}) == 4


def test_weight_zero_is_the_base_models_picture(base: BaseModel, tmp_path: Path) -> None:
    path = tmp_path / "lora.safetensors"
    write_lora(base, path, 0, 4, 1)
    frame = Frame(64, 64, 1, settings(steps=4))
    with_lora = render_loras(base, [kohya.read(path)], [[Request("a zorb", 0.0)]], frame)[0]
    without = render_base(base, [Request("a zorb", 0.0)], frame)[0]
    assert np.abs(np.int16(with_lora) - np.int16(without)).max() <= 1
