"""Regularisation images in the plan of an engine that trains them."""

from __future__ import annotations

from pathlib import Path

import pytest

from train_tools.planning.checkpoints import checkpoint_names
from train_tools.planning.images import Dataset, DatasetImage, steps_per_epoch, with_reg

SQUARE = (64, 64)
ARGUMENTS = {
    "train_batch_size": 2, "gradient_accumulation_steps": 1, "resolution": "64,64", "enable_bucket": False,
    "min_bucket_reso": 32, "max_bucket_reso": 128, "bucket_reso_steps": 8, "bucket_no_upscale": False,
}  # fmt: skip


def dataset(*repeats: int, name: str = "a") -> Dataset:
    images = [DatasetImage(Path(f"{name}{n}.png"), SQUARE, count) for n, count in enumerate(repeats)]
    return Dataset(tuple(images), f"{name}{repeats}")


@pytest.mark.parametrize(
    ("train", "reg", "repeats"),
    [
        ((3, 3), (1, 1), [3, 3]),  # round after round, each once more
        ((3, 2), (1, 1), [3, 2]),
        ((4,), (1, 1, 1, 1, 1, 1), [1, 1, 1, 1]),  # two too many
        ((4,), (3, 3), [3, 3]),  # the last one's own repeats aren't cut
        ((4,), (), []),
    ],
)
def test_they_are_shown_as_often_as_the_others(
    train: tuple[int, ...], reg: tuple[int, ...], repeats: list[int]
) -> None:
    both = with_reg(dataset(*train), dataset(*reg, name="r"))
    assert [image.repeats for image in both.images[: len(train)]] == list(train)
    assert [image.repeats for image in both.images[len(train) :]] == repeats


def test_steps_double_and_processes_share_them() -> None:
    own = dataset(3, 3, 3, 3)
    both = with_reg(own, dataset(1, name="r"))
    assert steps_per_epoch(own, ARGUMENTS) == 6
    assert steps_per_epoch(both, ARGUMENTS) == 12
    assert steps_per_epoch(both, ARGUMENTS, processes=2) == 6
    assert steps_per_epoch(both, {**ARGUMENTS, "gradient_accumulation_steps": 4}, processes=2) == 2
    assert both.fingerprint != own.fingerprint


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
