"""Regularisation images: one for each training image, at its size, never twice."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from preview.heads import model
from preview.hosts import Bridge
from preview.samples import settings
from small_base import random_base

from train_tools import cli
from train_tools.base_model.convert import write_checkpoint
from train_tools.preview.cells import Run
from train_tools.preview.regularisation import Source
from train_tools.preview.regularisation import generate as generate_images
from train_tools.workspace.workspace import Version, Workspace


@pytest.fixture
def version(tmp_path: Path) -> Version:
    base = tmp_path / "random.safetensors"
    write_checkpoint(random_base(), base)
    workspace = Workspace(tmp_path)
    workspace.create_project("zorb")
    made = workspace.create_version("zorb", "v1")
    for name, size, folder in (
        ("a", (64, 64), "3_zorb"),
        ("b", (96, 48), "3_zorb"),
        ("c", (64, 64), "2_other 物"),
    ):
        path = made.processed / folder / f"{name}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", size, "red").save(path)
    (made.processed / "3_zorb" / "a.txt").write_text("a zorb on red\n", encoding="utf-8")
    training = {
        "pretrained_model_name_or_path": str(base),
        "resolution": "64,64",
        "min_bucket_reso": 32,
        "bucket_reso_steps": 8,
        "seed": "7,8",
    }
    lines = [f"{name} = {value!r}".replace("'", '"') for name, value in training.items()]
    made.settings_file.write_text("[training]\n" + "\n".join(lines) + "\n", encoding="utf-8")
    return made


def generate(tmp_path: Path, *more: str) -> int:
    quick = ["--set", "steps=2", "--set", "batch_cells=2", "--root", str(tmp_path)]
    return cli.main(["reg", "generate", "zorb", "v1", *more, *quick])


def test_one_for_each_image_with_its_caption_and_size(
    version: Version, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert generate(tmp_path) == 0
    made = {p.relative_to(version.reg).as_posix(): p for p in version.reg.rglob("*.png")}
    assert sorted(made) == ["1_other 物/c.png", "1_zorb/a.png", "1_zorb/b.png"]
    assert Image.open(made["1_zorb/a.png"]).size == (64, 64)
    assert Image.open(made["1_zorb/b.png"]).size == (88, 40)  # the bucket that b is trained in
    assert (version.reg / "1_zorb" / "a.txt").read_text(encoding="utf-8") == "a zorb on red\n"
    assert (version.reg / "1_zorb" / "b.txt").read_text(encoding="utf-8") == "zorb\n"
    kept = made["1_zorb/b.png"].read_bytes()
    before = np.asarray(Image.open(made["1_zorb/a.png"]), int)
    made["1_zorb/a.png"].unlink()
    capsys.readouterr()
    assert generate(tmp_path) == 0
    assert "1 rendered, 2 kept" in capsys.readouterr().out
    assert made["1_zorb/b.png"].read_bytes() == kept
    again = np.asarray(Image.open(made["1_zorb/a.png"]), int)
    assert np.abs(again - before).max() <= 2  # the same seed; another batch rounds otherwise


def test_one_concept_alone_and_one_that_isnt_there(
    version: Version, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert generate(tmp_path, "--concept", "other 物") == 0
    assert [folder.name for folder in version.reg.iterdir()] == ["1_other 物"]
    assert generate(tmp_path, "--concept", "nobody") == 2
    assert "there are: other 物, zorb" in capsys.readouterr().err


def test_through_a_webui_that_has_the_base_model(version: Version, tmp_path: Path) -> None:
    base = tmp_path / "random.safetensors"
    bridge = Bridge([base])
    source = Source(
        Run(version.folder, {"pretrained_model_name_or_path": str(base)}), lambda image: image.size()
    )
    reports: list[tuple[int, int]] = []
    made = generate_images(
        version, source, settings(seed=(7,)), "zorb", lambda *done: reports.append(done), bridge=bridge
    )
    assert (made.rendered, made.kept, reports[-1]) == (2, 0, (2, 2))
    assert made.drawn.endswith("the webui has this base model")
    assert {(asked["prompt"], asked["seed"], asked["lora"]) for asked in bridge.requests} == {
        ("a zorb on red", 7, None), ("zorb", 7, None),
    }  # fmt: skip
    with Image.open(version.reg / "1_zorb" / "a.png") as picture:
        assert picture.info["parameters"].startswith("a zorb on red\n")
    assert (version.reg / "1_zorb" / "a.txt").read_text(encoding="utf-8") == "a zorb on red\n"


def test_pictures_that_fail_are_told(version: Version, tmp_path: Path) -> None:
    anima = model(tmp_path, "anima")
    text = version.settings_file.read_text(encoding="utf-8")
    version.settings_file.write_text(text.replace("random.safetensors", anima.name), encoding="utf-8")
    assert generate(tmp_path) == 1
    assert not list(version.reg.rglob("*.png"))
