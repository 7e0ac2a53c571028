"""What packing saves: the makespan of a grid, a step of K runs against one alone, and what a step asks for, counted.

python -m benchmarks.packed_training [--family sdxl] [--only makespan,step,counts] [--batch 1,4] [--runs 8] [--steps 60]

On the small base model that ships, which has all of Stable Diffusion 1's layers; `--family sdxl` on a narrow random
model with all of XL's. With TRAIN_TOOLS_SD_SCRIPTS the grid is trained by the real sd-scripts, too. Counts are of the
true sizes, without computing anything.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from pathlib import Path

import torch
from torch._subclasses.fake_tensor import FakeTensorMode

from benchmarks.counted import Calls
from benchmarks.makespan import Grid, base_model, narrowed
from benchmarks.true_size import true_size
from train_tools.engines.packed.config import RunConfig, from_arguments
from train_tools.engines.packed.data.batches import Batch
from train_tools.engines.packed.step.pack import Pack
from train_tools.families.loading import KINDS, load
from train_tools.families.stable_diffusion import narrow
from train_tools.families.stable_diffusion.base import BaseModel
from train_tools.small_models import base_model_file

WARM_UP = 3
SIZES = (1, 4, 8)  # of packs
PARTS = ("makespan", "step", "counts")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--family", choices=sorted(KINDS), default="sd1")
    parser.add_argument("--only", default=",".join(PARTS), help=f"of {', '.join(PARTS)}")
    parser.add_argument("--batch", default="1,4", help="images a step and run")
    parser.add_argument("--runs", type=int, default=8, help="of the grid")
    parser.add_argument("--steps", type=int, default=60, help="of each run of the grid")
    parser.add_argument("--packs", default=",".join(map(str, SIZES)), help="how many runs a pack has")
    parser.add_argument("--optimizer", default="AdamW", help="of the steps that are timed and counted")
    parser.add_argument("--timed", type=int, default=12, help="steps that are timed")
    asked = parser.parse_args()
    only, packs = asked.only.split(","), list(map(int, asked.packs.split(",")))
    batches = list(map(int, asked.batch.split(",")))
    if "makespan" in only:
        for batch in batches:
            makespan(asked.family, batch, asked.runs, asked.steps)
    if "step" in only:
        for batch in batches:
            steps(asked.family, batch, packs, asked.optimizer, asked.timed)
    if "counts" in only:
        counts(asked.family, packs, asked.optimizer)


def makespan(family: str, batch: int, runs: int, length: int) -> None:
    given = os.environ.get("TRAIN_TOOLS_SD_SCRIPTS")
    print(f"{family}, {runs} runs of {length} steps, batch {batch}, start counted")
    print("| | seconds | of the first | processor seconds |\n|---|---|---|---|")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        checkout = narrowed(Path(given), folder / "sd-scripts") if given else None
        grid = Grid(folder, base_model(family, folder, checkout), batch, length, runs)
        grid.dataset()
        first = alone = None
        for way, train in grid.ways(checkout).items():
            took = train()
            first = first or took
            print(
                f"| {way} | {took.whole:.1f} | {first.whole / took.whole:.1f}x | {took.processor:.1f} |",
                flush=True,
            )
        alone = grid.alone()
        print(
            f"first step: of the pack after {took.first:.1f} s, of a single run after {alone.first:.1f} s "
            f"({took.first / alone.first:.2f}x)\n",
            flush=True,
        )


def steps(family: str, batch: int, packs: list[int], optimizer: str, timed: int) -> None:
    base = load(base_model_file()) if family == "sd1" else narrow.build(KINDS[family])
    alone, _ = measured(base, 1, batch, optimizer, timed)
    print(
        f"{family}, {optimizer}, a step of batch {batch}\n| runs | ms | a run's share | ATen calls |\n|---|---|---|---|"
    )
    for count in packs:
        seconds, calls = measured(base, count, batch, optimizer, timed)
        print(
            f"| {count} | {seconds * 1000:.0f} | {alone * count / seconds:.1f}x | {calls.found.total():,} "
            f"({calls.most()}) |",
            flush=True,
        )
    print()


def counts(family: str, packs: list[int], optimizer: str) -> None:
    """Of the true model at batch 1, which is nowhere in memory."""
    print(f"{family} in its true size, {optimizer}, batch 1, a step")
    print("| runs | ATen calls | that compute | MB copied | most |\n|---|---|---|---|---|")
    with FakeTensorMode(allow_non_fake_inputs=True):
        base = true_size(KINDS[family])
        for count in packs:
            pack = Pack([config(seed, optimizer) for seed in range(count)], base, 2)
            batches = [batch_of(1, 64)] * count
            with pack.stack.attached(), Calls() as calls:
                pack.backward(pack.losses(batches, pack.draw(batches)))
                pack.optimize()
            print(
                f"| {count} | {calls.found.total():,} | {calls.launches:,} | {calls.copied / 1e6:,.0f} | "
                f"{calls.most(6)} |",
                flush=True,
            )
    print()


def config(seed: int, optimizer: str, **more: object) -> RunConfig:
    return from_arguments(
        Path(f"run{seed}"),
        {
            "pretrained_model_name_or_path": "base.safetensors", "train_data_dir": "data", "max_train_epochs": 1,
            "network_dim": 8, "network_alpha": 8, "seed": seed, "min_snr_gamma": 5, "optimizer_type": optimizer,
            **more,
        },
    )  # fmt: skip


def batch_of(count: int, side: int) -> Batch:
    """`side` of the latents."""
    pixels = 8 * side
    return Batch(
        torch.randn(count, 4, side, side), ["zorb, a red circle"] * count, [1.0] * count,
        [(pixels, pixels, 0, 0, pixels, pixels)] * count,
    )  # fmt: skip


def measured(base: BaseModel, count: int, batch: int, optimizer: str, timed: int) -> tuple[float, Calls]:
    """Seconds of a step, and its calls."""
    pack = Pack([config(seed, optimizer) for seed in range(count)], base, timed + WARM_UP + 1)
    batches = [batch_of(batch, 8)] * count
    with pack.stack.attached():
        for _ in range(WARM_UP):
            pack.step(batches)
        started = time.perf_counter()
        for _ in range(timed):
            pack.step(batches)
        seconds = (time.perf_counter() - started) / timed
        with Calls() as calls:
            pack.step(batches)
    return seconds, calls


if __name__ == "__main__":
    main()
