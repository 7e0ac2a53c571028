"""How busy the machine is: memory, and of NVIDIA's GPUs load, memory, temperature and power. Cheap to ask for."""

from __future__ import annotations

import contextlib
import importlib
import threading
import time
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any

from train_tools.environment import program
from train_tools.errors import UsageError

FRESH_S = 1.0  # for several browsers, one look is enough
WATT = 1000.0  # milliwatts


class Gauges:
    """For several threads. NVIDIA's library is opened once; where there is none, no GPU is told."""

    def __init__(self, root: Path, clock: Callable[[], float] = time.monotonic) -> None:
        self._root = root
        self._clock = clock
        self._turn = threading.Lock()
        self._read_at = float("-inf")
        self._last: dict[str, Any] = {}
        self._nvml: Any = None
        self._is_open = False

    def read(self) -> dict[str, Any]:
        """`ram` in bytes, `gpus` in the order of nvidia-smi, those that the program's settings name where they do."""
        with self._turn:
            if self._clock() - self._read_at >= FRESH_S:
                self._last = {"ram": _ram(), "gpus": self._gpus()}
                self._read_at = self._clock()
            return self._last

    def _gpus(self) -> list[dict[str, Any]]:
        if not self._is_open:
            self._is_open = True
            self._nvml = _opened()
        if self._nvml is None:
            return []
        try:
            wanted = _wanted(self._root)
            count = self._nvml.nvmlDeviceGetCount()
            found = [_gpu(self._nvml, number) for number in range(count)]
        except self._nvml.NVMLError:  # the driver was renewed, or a GPU was taken away
            return []
        chosen = [gpu for gpu in found if not wanted or {str(gpu["number"]), gpu["uuid"]} & set(wanted)]
        return chosen or found


def _opened() -> Any:
    """NVIDIA's library; None where there is none, or no driver."""
    try:
        nvml = importlib.import_module("pynvml")
    except ImportError:
        return None
    try:
        nvml.nvmlInit()
    except nvml.NVMLError:
        return None
    return nvml


def _gpu(nvml: Any, number: int) -> dict[str, Any]:
    """`load` in percent, memory in bytes, `temperature` in degrees, `power` in watts; None where it doesn't tell."""
    handle = nvml.nvmlDeviceGetHandleByIndex(number)

    def told(ask: Callable[[], Any]) -> Any:
        with contextlib.suppress(nvml.NVMLError):
            return ask()
        return None

    memory = told(lambda: nvml.nvmlDeviceGetMemoryInfo(handle))
    power = told(lambda: nvml.nvmlDeviceGetPowerUsage(handle))
    limit = told(lambda: nvml.nvmlDeviceGetEnforcedPowerLimit(handle))
    return {
        "number": number,
        "uuid": _text(told(lambda: nvml.nvmlDeviceGetUUID(handle)) or ""),
        "name": _text(told(lambda: nvml.nvmlDeviceGetName(handle)) or "GPU"),
        "load": told(lambda: nvml.nvmlDeviceGetUtilizationRates(handle).gpu),
        "used": memory and memory.used,
        "total": memory and memory.total,
        "temperature": told(lambda: nvml.nvmlDeviceGetTemperature(handle, nvml.NVML_TEMPERATURE_GPU)),
        "power": power and round(power / WATT),
        "power_limit": limit and round(limit / WATT),
    }


def _text(name: Any) -> str:
    """Older versions of the library give bytes."""
    return name.decode("utf-8", "replace") if isinstance(name, bytes) else str(name)


def _wanted(root: Path) -> Collection[str]:
    with contextlib.suppress(UsageError):  # a settings file that can't be read
        chosen = program.read(root).gpus
        return [] if chosen == program.AUTO else program.gpu_names(chosen)
    return []


def _ram() -> dict[str, int]:
    import psutil

    found = psutil.virtual_memory()
    return {"used": found.total - found.available, "total": found.total}
