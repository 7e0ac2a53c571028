"""The estimate of GPU memory: near what was measured, and larger where more is asked."""

from __future__ import annotations

from typing import Any

import pytest

from train_tools.planning.lora_size import SD15
from train_tools.planning.memory import memory_bytes

PLAIN = {
    "resolution": "512,512",
    "train_batch_size": 1,
    "network_dim": 8,
    "optimizer_type": "AdamW",
    "mixed_precision": "bf16",
    "gradient_checkpointing": False,
}


def gigabytes(runs: int = 1, **changes: Any) -> float:
    return memory_bytes(SD15, {**PLAIN, **changes}, runs) / 1e9


def test_near_what_was_measured() -> None:
    # A packed step of Stable Diffusion 1.5's UNet on 8 x 8 latents: four runs took 0.3 GB more than one.
    assert gigabytes(4, resolution="64,64") - gigabytes(1, resolution="64,64") == pytest.approx(0.3, abs=0.1)
    assert 3.5 < gigabytes() < 4.5


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


def test_what_saves_memory_saves_it() -> None:
    assert gigabytes(gradient_checkpointing=True) < gigabytes() - 0.7
    assert gigabytes(optimizer_type="AdamW8bit", network_dim=128) < gigabytes(network_dim=128)
