"""Values that are easily read otherwise than sd-scripts (48d368fa) reads them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from train_tools.engines.packed.config import RunConfig, from_arguments
from train_tools.errors import UsageError


def read(**changes: Any) -> RunConfig:
    arguments = {
        "pretrained_model_name_or_path": "base.safetensors", "train_data_dir": "data", "max_train_epochs": 1,
        "network_dim": 16, **changes,
    }  # fmt: skip
    return from_arguments(Path("run"), arguments)


@pytest.mark.parametrize(
    ("rates", "unet", "text"),
    [
        ({"learning_rate": 1e-3}, 1e-3, 1e-3),
        ({"learning_rate": 0.0, "unet_lr": 1e-4}, 1e-4, 0.0),
        ({"learning_rate": 0.0, "text_encoder_lr": [1e-5]}, 0.0, 1e-5),
        ({"learning_rate": 1e-3, "unet_lr": 0.0}, 0.0, 1e-3),
        ({"learning_rate": 1e-3, "text_encoder_lr": []}, 1e-3, 1e-3),
        ({"learning_rate": 1e-3, "text_encoder_lr": 0.0}, 1e-3, 0.0),
    ],
)
def test_a_rate_of_zero_is_a_rate(rates: dict[str, Any], unet: float, text: float) -> None:
    found = read(**rates)
    assert (found.unet_lr, found.text_encoder_lr()) == (unet, text)


def test_a_vae_of_its_own() -> None:
    assert read().vae is None
    assert read(vae="vae.safetensors").vae == Path("vae.safetensors")


@pytest.mark.parametrize("argument", ["optimizer_args", "lr_scheduler_args"])
def test_a_word_that_is_no_literal_is_told_by_its_argument(argument: str) -> None:
    with pytest.raises(UsageError, match=f"^{argument} 'weight_decay=a lot' is no name=value"):
        read(**{argument: ["weight_decay=a lot"]})
