"""How much memory this process takes, and may take: a GPU's, or on the CPU what Linux says of the process."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Protocol

import torch

PROCESS, MACHINE = Path("/proc/self/status"), Path("/proc/meminfo")
FORGET = Path("/proc/self/clear_refs")  # Linux: 5 written there lets the peak begin anew
KIB = 1024


class Meter(Protocol):
    """Sizes in bytes. `total` is the GPU's or the machine's whole memory."""

    total: int

    def reset(self) -> None:
        """The peak is counted from here on."""

    def held(self) -> int:
        """What the process has taken now."""

    def peak(self) -> int:
        """The most that it has taken since `reset`."""

    def available(self) -> int:
        """The most that it could take: what it has, and what nobody has."""


class GpuMeter:
    """What torch has given out on a CUDA device (or ROCm's, under the same name)."""

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self.total = torch.cuda.mem_get_info(device)[1]

    def reset(self) -> None:
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats(self._device)

    def held(self) -> int:
        return torch.cuda.memory_allocated(self._device)

    def peak(self) -> int:
        return torch.cuda.max_memory_allocated(self._device)

    def available(self) -> int:
        return torch.cuda.mem_get_info(self._device)[0] + torch.cuda.memory_reserved(self._device)


class ProcessMeter:
    """Of this process in the machine's memory, on Linux."""

    def __init__(self) -> None:
        self.total = _figure(MACHINE, "MemTotal")

    def reset(self) -> None:
        FORGET.write_text("5")

    def held(self) -> int:
        return _figure(PROCESS, "VmRSS")

    def peak(self) -> int:
        return _figure(PROCESS, "VmHWM")

    def available(self) -> int:
        return _figure(MACHINE, "MemAvailable") + self.held()


def meter_for(device: torch.device) -> Meter | None:
    """None where nothing can be measured."""
    if device.type == "cuda":
        return GpuMeter(device)
    try:
        meter = ProcessMeter()
        meter.reset()
        meter.peak()
    except (OSError, ValueError):
        return None
    return meter


def _figure(file: Path, name: str) -> int:
    """Of a line `name:   123 kB`. Raises ValueError where there is none."""
    found = re.search(
        rf"^{name}:\s*(\d+) kB$", file.read_text(encoding="ascii", errors="replace"), re.MULTILINE
    )
    if found is None:
        raise ValueError(name)
    return int(found[1]) * KIB
