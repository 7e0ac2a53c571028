"""Milliseconds and ATen calls of a step of a pack of K runs, against one run alone.

python -m benchmarks.packed_training [--family sdxl] [--optimizer AdamW8bit] [--runs 1,4,8] [--steps 12]

With a family on a tiny random model of it (`model narrow`), else on the small base model that ships.
"""

from __future__ import annotations

import argparse
import time
from collections import Counter
from pathlib import Path
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode

from train_tools.engines.packed.config import RunConfig, from_arguments
from train_tools.engines.packed.data import Batch
from train_tools.engines.packed.pack import Pack
from train_tools.families.loading import KINDS, load
from train_tools.families.stable_diffusion import narrow
from train_tools.families.stable_diffusion.base import BaseModel
from train_tools.small_models import base_model_file

WARM_UP = 3
MOST_SHOWN = 4


class Calls(TorchDispatchMode):
    """Counts what is asked of ATen: on a GPU each is about one launch."""

    def __init__(self) -> None:
        super().__init__()
        self.found: Counter[str] = Counter()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        self.found[str(func).removeprefix("aten.").partition(".")[0]] += 1
        return func(*args, **(kwargs or {}))


def config(seed: int, optimizer: str) -> RunConfig:
    return from_arguments(
        Path(f"run{seed}"),
        {
            "pretrained_model_name_or_path": "base.safetensors", "train_data_dir": "data", "max_train_epochs": 1,
            "network_dim": 8, "network_alpha": 8, "seed": seed, "min_snr_gamma": 5, "optimizer_type": optimizer,
        },
    )  # fmt: skip


def measured(base: BaseModel, count: int, optimizer: str, steps: int) -> tuple[float, Counter[str]]:
    """Seconds of a step, and its calls."""
    pack = Pack([config(seed, optimizer) for seed in range(count)], base, steps + WARM_UP + 1)
    batch = Batch(torch.randn(1, 4, 8, 8), ["zorb, a red circle"], [1.0], [(64, 64, 0, 0, 64, 64)])
    batches = [batch] * count
    with pack.stack.attached():
        for _ in range(WARM_UP):
            pack.step(batches)
        started = time.perf_counter()
        for _ in range(steps):
            pack.step(batches)
        seconds = (time.perf_counter() - started) / steps
        with Calls() as calls:
            pack.step(batches)
    return seconds, calls.found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--family", choices=sorted(KINDS))
    parser.add_argument("--optimizer", default="AdamW")
    parser.add_argument("--runs", default="1,4,8", help="sizes of packs")
    parser.add_argument("--steps", type=int, default=12)
    asked = parser.parse_args()
    base = narrow.build(KINDS[asked.family]) if asked.family else load(base_model_file())
    alone, _ = measured(base, 1, asked.optimizer, asked.steps)
    for count in map(int, asked.runs.split(",")):
        seconds, calls = measured(base, count, asked.optimizer, asked.steps)
        most = ", ".join(f"{name} {times}" for name, times in calls.most_common(MOST_SHOWN))
        print(
            f"K={count}: {seconds * 1000:.0f} ms a step, {alone * count / seconds:.2f}x per run and step; "
            f"{calls.total():,} ATen calls ({most})"
        )


if __name__ == "__main__":
    main()
