"""Several sizes at once: sd-scripts has a dataset for each, in a dataset_config of ours."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
from engines.sd_scripts.bench import EPOCHS, STEPS, Bench, add_image, steps_said
from engines.sd_scripts.conftest import REAL, VARIABLE
from PIL import Image
from small_base import random_base

from train_tools.engines.packed.config import read as packed_config
from train_tools.engines.packed.data.batches import read_items
from train_tools.engines.packed.data.encoding import Needs, encode
from train_tools.engines.packed.life.data_metadata import of_the_data
from train_tools.engines.sd_scripts.datasets import dataset_config
from train_tools.environment.sd_scripts_place import sd_scripts_python
from train_tools.errors import UsageError
from train_tools.lora.safetensors_header import read_header
from train_tools.workspace import toml

SIZES = "64+128"


def test_each_image_is_trained_at_each_size(bench: Bench) -> None:
    """Encoded apart: beside one picture sd-scripts keeps one size, and takes it for all."""
    for number in range(2):
        add_image(bench.version.reg / "1_ball" / f"{number}.png", number + 5, "a ball")
    changes = {"resolution": SIZES, "max_train_epochs": "1", "cache_latents": "true"}
    steps = 2 * 2 * STEPS // EPOCHS
    assert bench.plan(**changes).runs[0].steps == steps
    (result,) = bench.train(**changes)
    assert result.error is None
    assert steps_said(result.checkpoints[-1]) == str(steps)
    assert "64x64+128x128" in result.folder.name
    arguments = toml.load(result.folder / "run.toml")
    assert (arguments["resolution"], arguments.get("dataset_config")) == ("64,64+128,128", None)
    assert sorted({path.parent.parent.name for path in bench.npz()}) == ["images", "images-2", "reg", "reg-2"]
    assert len(bench.npz()) == 2 * 6
    assert not list(bench.version.processed.rglob("*.npz"))


def test_what_ends_at_the_first_image_is_refused_before(stand_in_bench: Bench) -> None:
    with pytest.raises(UsageError, match="several sizes need enable_bucket or cache_latents"):
        stand_in_bench.train(resolution=SIZES, enable_bucket="false", cache_latents="false")
    assert (
        stand_in_bench.plan(resolution="64", enable_bucket="false", cache_latents="false").runs[0].reasons
        == ()
    )


def test_what_a_real_training_of_several_sizes_says(real_bench: Bench) -> None:
    """Without a cache, images held back, in two shapes: as planned, and as a packed training would say it."""
    folder = real_bench.version.processed / "3_zorb"
    for number in range(2):
        Image.new("RGB", (192, 64), (9, 80 * number, 99)).save(folder / f"wide{number}.png")
    changes = {
        "resolution": SIZES, "cache_latents": "false", "validation_split": "0.34", "validation_seed": "3",
        "max_bucket_reso": "256", "max_train_epochs": "1", "shuffle_caption": "true",
    }  # fmt: skip
    plan = real_bench.plan(**changes)
    (result,) = real_bench.train(**changes)
    assert result.error is None
    said = read_header(result.checkpoints[-1]).metadata
    assert said["ss_steps"] == str(plan.runs[0].steps)
    assert said["ss_num_train_images"] == str(plan.runs[0].images_seen)
    assert said["modelspec.resolution"] == "128x128"
    run = packed_config(result.folder)
    items = read_items(run)
    buckets = encode(items, random_base(), Needs(latents=False), lambda *_: None)
    ours = {name: str(value) for name, value in of_the_data(run, items, buckets, 0).items()}
    for name, text in ours.items():
        assert rounded(json.loads(text)) == rounded(json.loads(said[name])), name
    assert not {"ss_resolution", "ss_bucket_info"} & said.keys()
    assert len(json.loads(said["ss_datasets"])[1]["bucket_info"]["buckets"]) == 2


def rounded(value: Any) -> Any:
    return json.loads(json.dumps(value), parse_float=lambda text: round(float(text), 6))


@pytest.mark.real_sd_scripts
@pytest.mark.skipif(not REAL, reason=f"{VARIABLE} names no checkout of sd-scripts")
def test_its_reader_of_toml_reads_any_name(tmp_path: Path) -> None:
    names = ["苹果 (红)", "a # b", "c = [d]", 'it\'s "x"', "e\\f"]
    for name in names:
        add_image(tmp_path / "data" / f"2_{name}" / "1.png", 1, "zorb")
    text = dataset_config({"resolution": "64,64+64,128", "train_data_dir": str(tmp_path / "data")}, None)
    (tmp_path / "sets.toml").write_text(text, encoding="utf-8")
    program = "import json, sys, toml; print(json.dumps(toml.load(sys.argv[1])))"
    python = str(sd_scripts_python(Path(REAL).absolute()))
    done = subprocess.run(
        [python, "-c", program, str(tmp_path / "sets.toml")], capture_output=True, text=True, check=True
    )
    found: dict[str, Any] = json.loads(done.stdout)
    assert [one["resolution"] for one in found["datasets"]] == [[64, 64], [64, 128]]
    for one in found["datasets"]:
        assert sorted(subset["class_tokens"] for subset in one["subsets"]) == sorted(names)
        assert all(Path(subset["image_dir"]).is_dir() for subset in one["subsets"])
