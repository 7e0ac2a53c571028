"""Images a second and memory of packs on this machine's GPU, on base models of true size with random weights.

python -m benchmarks.gpu [--minutes 12] [--families sd1,sdxl] [--runs 1,2,4,8,16] [--ways plain,compiled]
                         [--out FILE.md] [--tiny]

bf16, AdamW, LoRAs of rank 16 on the UNet; Stable Diffusion 1 at 512 px, XL at 1024 px; plain, with the setting
channels_last, with torch_compile (inductor, CUDA graphs; its first steps aren't counted) and with gradient
checkpointing. What doesn't fit into memory or time is said so. With TRAIN_TOOLS_SD_SCRIPTS the makespan of a grid is
measured as well (`packed_training`). `--tiny` tries all of it with narrow models, on a CPU, too.
"""

from __future__ import annotations

import argparse
import contextlib
import gc
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import torch

from benchmarks.packed_training import batch_of, config, makespan
from benchmarks.true_size import true_size
from train_tools.engines.packed.base.quicker import compile_blocks
from train_tools.engines.packed.step.pack import Pack
from train_tools.environment.sd_scripts_place import sd_scripts_folder
from train_tools.families.loading import KINDS
from train_tools.families.stable_diffusion.base import BaseModel

SIDES = {"sd1": 64, "sd2": 96, "sdxl": 128}  # of the latents
TINY_SIDE = 8
WARM_UP, STEPS = 2, 5
HEAD = "| model | way | runs | images/s | a run's share | GB at most |\n|---|---|---|---|---|---|"
PLAIN, CHECKPOINTING, LAST, COMPILED, GRAPHS = WAYS = (
    "plain", "checkpointing", "channels_last", "compiled", "cuda_graphs",
)  # fmt: skip
BACKENDS = {COMPILED: "inductor", GRAPHS: "cudagraphs"}


@dataclass(frozen=True)
class Asked:
    family: str
    way: str
    runs: int


@dataclass
class Machine:
    """Where it is measured, and until when."""

    device: torch.device
    ends: float
    tiny: bool

    @property
    def left(self) -> float:
        return self.ends - time.monotonic()

    def wait(self) -> None:
        if self.device.type == "cuda":
            torch.cuda.synchronize()

    def forget(self) -> None:
        gc.collect()
        if self.device.type == "cuda":
            torch.cuda.empty_cache()
            torch.cuda.reset_peak_memory_stats()

    @property
    def most_memory(self) -> str:
        if self.device.type != "cuda":
            return "-"
        return f"{torch.cuda.max_memory_allocated() / 1e9:.2f}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=12.0, help="at most")
    parser.add_argument("--families", default="sd1,sdxl")
    parser.add_argument("--runs", default="1,2,4,8,16", help="sizes of packs")
    parser.add_argument("--ways", default=",".join(WAYS), help=f"of {', '.join(WAYS)}")
    parser.add_argument("--out", type=Path, help="writes the table there, too")
    parser.add_argument("--tiny", action="store_true")
    asked = parser.parse_args()
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    if device.type == "cpu" and not asked.tiny:
        parser.error("there is no GPU here; --tiny tries it on the CPU")
    machine = Machine(device, time.monotonic() + 60 * asked.minutes, asked.tiny)
    lines: list[str] = []

    def say(line: str) -> None:
        print(line, flush=True)
        lines.append(line)
        if asked.out:
            asked.out.write_text("\n".join(lines) + "\n", encoding="utf-8")

    name = torch.cuda.get_device_name() if device.type == "cuda" else "CPU, narrow models"
    say(f"{name}, torch {torch.__version__}\n\n{HEAD}")
    ways = asked.ways.split(",")
    for line in table(machine, asked.families.split(","), ways, list(map(int, asked.runs.split(",")))):
        say(line)
    if device.type == "cuda" and sd_scripts_folder() and machine.left > 300:
        makespan("sd1", 1, 8, 60)


def table(machine: Machine, families: list[str], ways: list[str], runs: list[int]) -> Iterator[str]:
    share = machine.left / len(families)
    for family in families:
        ends = time.monotonic() + share
        dtype = torch.float32 if machine.device.type == "cpu" else torch.bfloat16
        base = true_size(KINDS[family], machine.device, dtype, narrow=machine.tiny)
        base.vae.to("cpu")
        for way in sorted(ways, key=lambda name: name == CHECKPOINTING):  # which stays on once it is
            with made(base, way):
                yield from rows(machine, base, family, way, runs, ends)
        del base
        machine.forget()


def rows(
    machine: Machine, base: BaseModel, family: str, way: str, runs: list[int], ends: float
) -> Iterator[str]:
    alone = None
    for count in runs:
        asked = Asked(family, way, count)
        if time.monotonic() > ends:
            yield row(asked, "no time left")
            continue
        if way == GRAPHS and machine.device.type == "cpu":
            yield row(asked, "needs a GPU")
            continue
        try:
            seconds = of_step(machine, base, asked)
        except Exception as error:
            if way not in BACKENDS:
                raise
            yield row(asked, f"can't be compiled: {str(error).strip().partition(chr(10))[0]}")
            break
        if seconds is None:
            yield row(asked, "out of memory")
            break
        alone = alone or seconds / count
        yield row(asked, f"{count / seconds:.2f}", f"{alone * count / seconds:.2f}x", machine.most_memory)


@contextlib.contextmanager
def made(base: BaseModel, way: str) -> Iterator[None]:
    """The base model as the way has it, and then as it was."""
    if way == LAST:
        base.unet.to(memory_format=torch.channels_last)
    if way in BACKENDS:
        compile_blocks(base.unet, BACKENDS[way])
    try:
        yield
    finally:
        base.unet.to(memory_format=torch.contiguous_format)
        if way in BACKENDS:
            for module in base.unet.modules():
                module._compiled_call_impl = None  # noqa: SLF001 - torch has no other way back
            torch._dynamo.reset()  # noqa: SLF001


def row(asked: Asked, *cells: str) -> str:
    parts = [asked.family, asked.way, str(asked.runs), *cells]
    return "| " + " | ".join(parts + [""] * (6 - len(parts))) + " |"


def of_step(machine: Machine, base: BaseModel, asked: Asked) -> float | None:
    """Seconds; None where it doesn't fit into memory."""
    machine.forget()
    side = TINY_SIDE if machine.tiny else SIDES[asked.family]
    more = {
        "mixed_precision": "no" if machine.device.type == "cpu" else "bf16", "network_dim": 16,
        "network_train_unet_only": True, "gradient_checkpointing": asked.way == CHECKPOINTING,
    }  # fmt: skip
    try:
        pack = Pack([config(seed, "AdamW", **more) for seed in range(asked.runs)], base, WARM_UP + STEPS)
        batches = [batch_of(1, side)] * asked.runs
        with pack.stack.attached():
            for _ in range(WARM_UP):
                pack.step(batches)
            return _seconds(machine, lambda: pack.step(batches))
    except torch.OutOfMemoryError:
        return None


def _seconds(machine: Machine, do: Callable[[], object]) -> float:
    """The median of a few: on a GPU, until it is done."""
    took = []
    for _ in range(1 if machine.tiny else STEPS):
        machine.wait()
        began = time.perf_counter()
        do()
        machine.wait()
        took.append(time.perf_counter() - began)
    return sorted(took)[len(took) // 2]


if __name__ == "__main__":
    main()
