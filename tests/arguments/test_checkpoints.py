"""Which checkpoints a run is expected to leave, and how many steps it takes on several GPUs."""

from __future__ import annotations

from pathlib import Path

import pytest

from train_tools.arguments.checkpoints import checkpoint_names
from train_tools.planning.images import Dataset, DatasetImage, steps_per_epoch

ARGUMENTS = {
    "train_batch_size": 2, "gradient_accumulation_steps": 1, "resolution": "64,64", "enable_bucket": False,
    "min_bucket_reso": 32, "max_bucket_reso": 128, "bucket_reso_steps": 8, "bucket_no_upscale": False,
}  # fmt: skip


def test_several_processes_share_the_steps() -> None:
    images = Dataset((DatasetImage(Path("a.png"), (64, 64), 24),), "")
    assert steps_per_epoch(images, ARGUMENTS) == 12
    assert steps_per_epoch(images, ARGUMENTS, processes=2) == 6
    assert steps_per_epoch(images, {**ARGUMENTS, "gradient_accumulation_steps": 4}, processes=2) == 2
    assert steps_per_epoch(images, {**ARGUMENTS, "resolution": "64,64+96,96"}) == 24


@pytest.mark.parametrize(
    ("arguments", "names"),
    [
        ({"save_every_n_epochs": 1}, ["-000001", "-000002", "-000003", "-000004", "-000005", ""]),
        ({"save_every_n_epochs": 1, "save_last_n_epochs": 2}, ["-000004", "-000005", ""]),
        ({"save_n_epoch_ratio": 3}, ["-000002", "-000004", ""]),
        ({"save_every_n_steps": 10}, ["-step00000010", "-step00000020", "-step00000030", ""]),
        ({"save_every_n_steps": 10, "save_last_n_steps": 10}, ["-step00000020", "-step00000030", ""]),
    ],
)
def test_checkpoints_that_a_later_one_replaces_arent_expected(
    arguments: dict[str, int], names: list[str]
) -> None:
    found = checkpoint_names({"output_name": "a", "max_train_epochs": 6, **arguments}, 36)
    assert found == [f"a{name}.safetensors" for name in names]
