"""Steps per second and run of a pack of K runs, against one run after another."""

from __future__ import annotations

import time
from pathlib import Path

import torch

from train_tools.engines.packed.config import RunConfig
from train_tools.engines.packed.data import Batch
from train_tools.engines.packed.pack import Pack
from train_tools.families.loading import load
from train_tools.families.stable_diffusion.base import BaseModel
from train_tools.small_models import base_model_file

STEPS, WARM_UP = 12, 3
SIZES = (1, 4, 8)


def seconds_a_step(base: BaseModel, count: int) -> float:
    configs = [
        RunConfig(
            Path(), f"run{k}", Path(), Path(), 1, network_dim=8, network_alpha=8, seed=k, min_snr_gamma=5
        )
        for k in range(count)
    ]
    pack = Pack(configs, base, STEPS + WARM_UP)
    batches = [Batch(torch.randn(1, 4, 8, 8), ["zorb, a red circle"]) for _ in range(count)]
    with pack.stack.attached():
        for step in range(STEPS + WARM_UP):
            if step == WARM_UP:
                started = time.perf_counter()
            pack.step(batches)
    return (time.perf_counter() - started) / STEPS


def main() -> None:
    base = load(base_model_file())
    alone = seconds_a_step(base, 1)
    for count in SIZES:
        seconds = seconds_a_step(base, count)
        print(f"K={count}: {seconds * 1000:.0f} ms a step, {alone * count / seconds:.2f}x per run and step")


if __name__ == "__main__":
    main()
