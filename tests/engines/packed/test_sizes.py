"""Images that are trained at several sizes at once: as sd-scripts with a dataset for each."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from engines.packed import test_resume as runs
from engines.packed.test_resume import checkpoints, crash, engine, events, in_double_precision
from PIL import Image
from safetensors import safe_open
from small_base import random_base

from train_tools.engines.packed import support
from train_tools.engines.packed.config import RunConfig, from_arguments
from train_tools.engines.packed.data.batches import RunData, epoch_schedule, read_items
from train_tools.engines.packed.data.encoding import Needs, encode
from train_tools.engines.packed.data.wording import At
from train_tools.engines.packed.memory.trial import _largest_batch
from train_tools.lora.facts import lora_facts
from train_tools.planning.images import read_dataset, steps_per_epoch
from train_tools.planning.imports.lora_metadata import from_lora
from train_tools.preview.cells import Run
from train_tools.workspace import toml

small_model = runs.small_model
Make = Callable[..., Path]
SIZES = "64,64+96,96"


@pytest.fixture
def make(tmp_path: Path) -> Make:
    """A run folder; an epoch shows 4 images in two shapes at each of two sizes: 4 batches of 2."""
    runs.maker(tmp_path)
    return lambda name, **options: runs.run_folder(
        tmp_path, tmp_path / "runs" / name, {"resolution": SIZES, "max_train_epochs": 2, **options}
    )


@pytest.fixture
def arguments(tmp_path: Path) -> dict[str, Any]:
    """A small picture, that is the same at both sizes as nothing is made larger, and a large one."""
    (tmp_path / "3_zorb").mkdir()
    for number, side in enumerate((56, 120)):
        Image.effect_noise((side, side), 50 + number).save(tmp_path / "3_zorb" / f"{number}.png")
    return {
        "pretrained_model_name_or_path": "base.safetensors", "train_data_dir": str(tmp_path), "resolution": SIZES,
        "enable_bucket": True, "min_bucket_reso": 32, "max_bucket_reso": 128, "bucket_reso_steps": 8,
        "bucket_no_upscale": True, "train_batch_size": 2, "gradient_accumulation_steps": 1, "seed": 5,
    }  # fmt: skip


def config(arguments: dict[str, Any], **changes: Any) -> RunConfig:
    return from_arguments(Path("run"), {**arguments, **changes})


def test_each_image_is_shown_at_each_size_and_sizes_arent_mixed(arguments: dict[str, Any]) -> None:
    run = config(arguments)
    buckets = encode(read_items(run), random_base(), Needs(), lambda *_: None)
    # The small picture's two buckets are equal in shape, and two all the same.
    assert [(bucket.dataset, bucket.size, len(bucket.order)) for bucket in buckets] == [
        (0, (56, 56), 3), (0, (64, 64), 3), (1, (56, 56), 3), (1, (96, 96), 3),
    ]  # fmt: skip
    schedule = epoch_schedule(buckets, run.batch_size)
    assert len(schedule) == 8
    assert len(schedule) == steps_per_epoch(read_dataset(run.train_data_dir), arguments)
    batches = list(RunData(run, buckets, 100).epoch(schedule, At(1, 0)))
    shown = [size for batch in batches for size in batch.sizes]
    # Height and width of the original, the corner, and the size that it is trained at.
    assert sorted(shown) == [
        *[(56, 56, 0, 0, 56, 56)] * 6, *[(120, 120, 0, 0, 64, 64)] * 3, *[(120, 120, 0, 0, 96, 96)] * 3,
    ]  # fmt: skip
    assert all(batch.latents.shape[-1] == 8 * batch.sizes[0][5] // 64 for batch in batches)
    # Memory is tried with what needs most of it.
    assert _largest_batch(run, buckets, None).latents.shape == (2, 4, 12, 12)


def test_sizes_are_the_packs(arguments: dict[str, Any]) -> None:
    key = support.pack_key(arguments)
    assert support.pack_key({**arguments, "learning_rate": 1.0}) == key
    assert support.pack_key({**arguments, "resolution": "64,64"}) != key
    assert config(arguments, resolution="64").sizes == ((64, 64),)


def test_a_pack_is_as_its_runs_alone_and_goes_on_after_a_crash(make: Make) -> None:
    shared = {"validation_split": 0.25, "validation_seed": 1, "prior_loss_weight": 1.0}
    kinds = {
        "plain": {"seed": 1, **shared},
        "varied": {"seed": 2, "random_crop": True, "network_dim": 2, "lr_scheduler": "cosine", **shared},
    }
    together = [make(name, **options) for name, options in kinds.items()]
    alone = make("alone", **kinds["varied"])
    with in_double_precision():
        crash(together, 6)
        assert engine(together) == 0
        assert engine([alone]) == 0
    found, expected = checkpoints(together[1]), checkpoints(alone)
    assert list(found) == list(expected) == ["lora-000001.safetensors", "lora.safetensors"]
    for name, tensors in expected.items():
        for key, tensor in tensors.items():
            torch.testing.assert_close(found[name][key], tensor, rtol=runs.ROUNDING, atol=runs.ROUNDING)
    for folder in together:
        assert events(folder, "resumed")[0]["step"] == 4
        assert events(folder, "step")[-1]["steps"] == 8
    told, others = ([e["loss"] for e in events(one, "validation")] for one in (together[1], alone))
    assert told == pytest.approx(others, rel=1e-6)


def test_a_file_says_its_sizes_as_sd_scripts_does_and_is_trained_again_alike(make: Make) -> None:
    folder = make("one", max_train_epochs=1, caption_prefix="a photo")
    assert engine([folder]) == 0
    with safe_open(folder / "lora.safetensors", "pt") as file:
        said = file.metadata()
        names = list(file.keys())
    assert said["modelspec.resolution"] == "96x96"
    assert (said["ss_num_train_images"], said["ss_num_batches_per_epoch"], said["ss_steps"]) == (
        "8",
        "4",
        "4",
    )
    small, large = json.loads(said["ss_datasets"])
    assert (small["resolution"], large["resolution"]) == ([64, 64], [96, 96])
    assert large["bucket_info"]["buckets"] == {
        "0": {"resolution": [64, 128], "count": 2}, "1": {"resolution": [112, 80], "count": 2},
    }  # fmt: skip
    assert (large["num_train_images"], large["batch_size_per_device"]) == (4, 2)
    (subset,) = large["subsets"]
    assert (subset["image_dir"], subset["num_repeats"], subset["flip_aug"]) == ("1_zorb", 1, True)
    assert json.loads(said["ss_dataset_dirs"]) == {
        "1_zorb": {"n_repeats": 1, "img_count": 4}, "1_zorb (2)": {"n_repeats": 1, "img_count": 4},
    }  # fmt: skip
    assert not {"ss_resolution", "ss_bucket_info", "ss_enable_bucket"} & said.keys()
    assert lora_facts(said).resolution == "64x64+96x96"
    assert Run(folder, toml.load(folder / "run.toml")).resolution == (96, 96)
    imported = from_lora(said, names)
    assert imported.settings["resolution"] == SIZES
    assert "ss_datasets" not in [left.key for left in imported.left_out]
