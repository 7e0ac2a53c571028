"""The demo, as a newcomer starts it: every promise of the README's first screen on real files."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from safetensors import safe_open

import train_tools
from train_tools.preview.index import read_index
from train_tools.small_models import zorb
from train_tools.workspace.workspace import Workspace

ZORB_COLOURS = np.array([zorb.PINK, zorb.TEAL], float)


@dataclass(frozen=True)
class Demo:
    root: Path
    text: str
    weights: int  # of the LoRA in its pictures, less 0

    @property
    def version(self) -> Path:
        return self.root / "train_tools" / "projects" / "zorb" / "versions" / "v1"


def command(*words: str) -> subprocess.CompletedProcess[str]:
    """The command as the training environment runs it."""
    source = str(Path(train_tools.__file__).parent.parent)
    environment = {**os.environ, "PYTHONPATH": source, "PYTHONUTF8": "1", "TRAIN_TOOLS_ENV": "current"}
    return subprocess.run(
        [sys.executable, "-m", "train_tools", *words],
        capture_output=True,
        encoding="utf-8",
        env=environment,
        check=False,
    )


@pytest.fixture(scope="module", params=["quick", pytest.param("whole", marks=pytest.mark.thorough)])
def demo(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Demo:
    root = tmp_path_factory.mktemp("demo") / "输出"
    quick = request.param == "quick"
    done = command("demo", *(["--quick"] if quick else []), "--root", str(root))
    assert done.returncode == 0, done.stdout + done.stderr
    return Demo(root, done.stdout + done.stderr, 1 if quick else 2)


def distance_to_zorb(image: Image.Image) -> float:
    """The RGB distance within which a fifth of the pixels are of a zorb's pink or teal.

    A zorb covers more than a fifth of a training image; no scene of the base model has its colours.
    """
    pixels = np.asarray(image.convert("RGB"), float).reshape(-1, 1, 3)
    return float(np.percentile(np.linalg.norm(pixels - ZORB_COLOURS, axis=-1).min(1), 20))


@pytest.mark.timeout(900)
def test_every_image_but_the_corrupt_one_arrives(demo: Demo) -> None:
    assert "broken.png" in demo.text
    assert len(list((demo.version / "dataset" / "origin").iterdir())) == 12
    processed = demo.version / "dataset" / "processed" / "5_zorb"
    images = sorted(processed.glob("*.png"))
    assert len(images) == 12
    assert any("小佐布" in image.name for image in images)
    assert all(
        image.with_suffix(".txt").read_text(encoding="utf-8").strip().endswith(", zorb") for image in images
    )


@pytest.mark.timeout(900)
def test_four_runs_with_checkpoints_whose_names_no_other_has(demo: Demo) -> None:
    runs = [folder for folder in (demo.version / "trains").iterdir() if folder.is_dir()]
    assert sorted(folder.name.split("-op-")[1].split("-net")[0] for folder in runs) == [
        "AdamW-lr-0_001", "AdamW-lr-0_002", "Lion-lr-0_001", "Lion-lr-0_002",
    ]  # fmt: skip
    checkpoints = [path for folder in runs for path in folder.glob("*.safetensors")]
    assert len(checkpoints) == 12
    assert len({path.name for path in checkpoints}) == 12
    for path in checkpoints:
        with safe_open(path, "np") as file:
            assert len(file.keys()) == 792
            metadata = file.metadata()
        assert metadata["ss_network_module"] == "networks.lora"
        assert metadata["ss_learning_rate"] in ("0.001", "0.002")
        assert json.loads(metadata["ss_dataset_dirs"]) == {"5_zorb": {"n_repeats": 5, "img_count": 12}}


@pytest.mark.timeout(900)
def test_training_teaches(demo: Demo) -> None:
    """At weight 1 the pictures are nearer to a zorb's colours, as the training images are, than at weight 0."""
    index = read_index(Workspace(demo.root).version("zorb", "v1"))
    last = max(cell.epoch for cell in index.cells)
    distances: dict[float, list[float]] = {}
    for cell in index.cells:
        if cell.epoch == last:
            found = distance_to_zorb(Image.open(demo.version / cell.image))
            distances.setdefault(cell.weight_unet, []).append(found)
    taught = [
        distance_to_zorb(Image.open(path))
        for path in (demo.version / "dataset" / "processed" / "5_zorb").glob("*.png")
        if "old photo" not in path.name  # the greyscale one
    ]
    wanted, without, with_lora = (float(np.mean(v)) for v in (taught, distances[0.0], distances[1.0]))
    assert wanted < 30
    assert without > 100
    assert without - with_lora > 0.4 * (without - wanted)


@pytest.mark.timeout(900)
def test_a_grid_for_each_checkpoint_and_one_sheet(demo: Demo) -> None:
    grids = list((demo.version / "trains").glob("*/*/images/xyz_grid-*.png"))
    assert len(grids) == 24
    assert sum(path.stem.endswith("-difference") for path in grids) == 12
    sheet, difference = sorted(
        (demo.version / "previews").glob("sheet-*.png"), key=lambda path: len(path.name)
    )
    assert difference.stem == f"{sheet.stem}-difference"
    assert str(sheet) in demo.text
    with Image.open(sheet) as image:
        assert image.width > 4 * 128
        assert image.height > 12 * 128


@pytest.mark.timeout(900)
def test_a_second_start_trains_and_renders_nothing_again(demo: Demo) -> None:
    before = {p: p.stat().st_mtime_ns for p in demo.version.rglob("*.safetensors")}
    done = command("train", "zorb", "v1", "--json", "--root", str(demo.root))
    assert done.returncode == 0, done.stderr
    assert {p: p.stat().st_mtime_ns for p in demo.version.rglob("*.safetensors")} == before
    again = command("preview", "zorb", "v1", "--json", "--root", str(demo.root))
    assert json.loads(again.stdout)["rendered"] == 0
    assert (
        json.loads(again.stdout)["kept"] == 12 * 3 * demo.weights + 3
    )  # without LoRA all checkpoints share theirs
