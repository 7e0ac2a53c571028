"""Which GPUs train: shared out into slots, each of which trains one thing at a time.

`gpus = 0,1,2,3` and `gpus_per_run = 2` make the slots `0,1` and `2,3`. Without a choice there is one slot, which takes
the GPU that torch takes by itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from train_tools.environment import program
from train_tools.environment.machine import nvidia_smi
from train_tools.environment.program import AUTO, ProgramSettings
from train_tools.errors import UsageError

SLOT_VARIABLE = "TRAIN_TOOLS_SLOT"  # of the process and those that it starts, counted from 0
PER_RUN_VARIABLE = "TRAIN_TOOLS_GPUS_PER_RUN"
CHANNELS_LAST_VARIABLE = "TRAIN_TOOLS_CHANNELS_LAST"


def slots(root: Path) -> list[str]:
    """The GPUs of each slot, by commas; one empty text where none are chosen.

    Raises UsageError where the program's settings can't be read.
    """
    return slots_of(program.read(root))


def slots_of(settings: ProgramSettings) -> list[str]:
    if settings.gpus == AUTO:
        return [""]
    names, size = program.gpu_names(settings.gpus), settings.gpus_per_run
    return [",".join(names[i : i + size]) for i in range(0, len(names), size)]


def variables(settings: ProgramSettings, environ: Mapping[str, str]) -> dict[str, str]:
    """For the processes of the slot that `environ` names, the first one where it names none."""
    found = {}
    number = environ.get(SLOT_VARIABLE, "")
    every = slots_of(settings)
    if chosen := every[min(int(number) if number.isdigit() else 0, len(every) - 1)]:
        # CUDA counts the fastest first, nvidia-smi in the order of their places. ROCm knows the second name, too.
        found = {"CUDA_DEVICE_ORDER": "PCI_BUS_ID", "CUDA_VISIBLE_DEVICES": chosen}
    if settings.gpus_per_run > 1:
        found[PER_RUN_VARIABLE] = str(settings.gpus_per_run)
    if settings.channels_last:
        found[CHANNELS_LAST_VARIABLE] = "1"
    return found


def check_present(settings: ProgramSettings) -> None:
    """Raises UsageError where a GPU isn't there that NVIDIA's driver would know: torch would train on the CPU."""
    found = present()
    wanted = [] if settings.gpus == AUTO else program.gpu_names(settings.gpus)
    known = {name for row in found for name in row[:2]}
    missing = [name for name in wanted if name not in known and not name.startswith("MIG-")]
    if found and missing:
        there = ", ".join(f"{number} ({name})" for number, _, name in found)
        raise UsageError(f"there is no GPU {missing[0]} here; there are: {there}")


def present() -> list[tuple[str, str, str]]:
    """Number, UUID and name of each NVIDIA GPU; empty where that isn't known."""
    answer = nvidia_smi("--query-gpu=index,uuid,name", "--format=csv,noheader") or b""
    rows = [line.split(",", 2) for line in answer.decode("utf-8", "replace").splitlines()]
    return [(row[0].strip(), row[1].strip(), row[2].strip()) for row in rows if len(row) == 3]
