"""The estimate of GPU memory: near what was measured, and larger where more is asked."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from train_tools.families.layers import Layers, Targets
from train_tools.families.registry import BY_NAME
from train_tools.planning.lora_size import SD15, LoraShape
from train_tools.planning.memory import memory_bytes

PLAIN = {
    "resolution": "512,512",
    "train_batch_size": 1,
    "network_dim": 8,
    "optimizer_type": "AdamW",
    "mixed_precision": "bf16",
    "gradient_checkpointing": False,
}
# Stable Diffusion XL 1.0: its UNet's 722 layers, and the numbers of the whole file.
SDXL = LoraShape(
    Targets(Layers(722, 2_659_200), Layers(264, 903_168), unet_parameters=2_567_463_684),
    3_469_000_000,
    activations=BY_NAME["sdxl"].training.activations,
)
XL = {"resolution": "1024,1024", "gradient_checkpointing": True}


def gigabytes(runs: int = 1, shape: LoraShape = SD15, **changes: Any) -> float:
    return memory_bytes(shape, {**PLAIN, **changes}, runs) / 1e9


def test_near_what_was_measured() -> None:
    # A packed step of Stable Diffusion 1.5's UNet on 8 x 8 latents: four runs took 0.3 GB more than one.
    assert gigabytes(4, resolution="64,64") - gigabytes(1, resolution="64,64") == pytest.approx(0.3, abs=0.2)
    assert 3.5 < gigabytes() < 4.5


def test_sdxl_as_people_train_it() -> None:
    """At 1024 x 1024 with checkpointing: 7 to 8 GB by many reports, without texts; fp8 spares the half of its UNet."""
    lean = {**XL, "network_train_unet_only": True, "network_dim": 16}
    assert 6.5 < gigabytes(shape=SDXL, **lean) < 8
    assert gigabytes(shape=SDXL, **lean, fp8_base=True) == pytest.approx(
        gigabytes(shape=SDXL, **lean) - 2.57, abs=0.1
    )
    with_texts = gigabytes(shape=SDXL, **{**lean, "network_train_unet_only": False})
    assert with_texts > gigabytes(shape=SDXL, **lean) + 1.5
    assert gigabytes(shape=SDXL, **lean, shuffle_caption=True) > gigabytes(shape=SDXL, **lean) + 1.5
    assert gigabytes(shape=SDXL, **{**lean, "gradient_checkpointing": False}) > 14


@pytest.mark.parametrize(
    "more",
    [
        {"train_batch_size": 2},
        {"network_dim": 128},
        {"resolution": "768,768"},
        {"mixed_precision": "no"},
        {"optimizer_type": "Prodigy"},
    ],
)
def test_more_takes_more(more: dict[str, Any]) -> None:
    assert gigabytes(**more) > gigabytes()
    assert gigabytes(2) > gigabytes()


@pytest.mark.parametrize(
    "less",
    [
        {"gradient_checkpointing": True},
        {"network_train_unet_only": True},
        {"fp8_base": True},
        {"fp8_base_unet": True},
    ],
)
def test_what_saves_memory_saves_it(less: dict[str, Any]) -> None:
    assert gigabytes(**less) < gigabytes() - 0.2


def test_optimizers_and_formats_of_what_is_learned() -> None:
    large = {"network_dim": 128}
    assert gigabytes(optimizer_type="AdamW8bit", **large) < gigabytes(**large)
    assert gigabytes(full_bf16=True, **large) < gigabytes(**large)


def test_a_family_that_nobody_has_counted_grows_with_its_weights() -> None:
    other = replace(SDXL, activations=None)
    assert gigabytes(shape=other, **XL) > gigabytes(shape=SDXL, **XL)
