"""How busy the machine is, with NVIDIA's library in the place of which stands one that answers as it does."""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
from starlette.testclient import TestClient

from train_tools.environment import program
from train_tools.ui.gauges import Gauges


class Library(ModuleType):
    """The functions of nvidia-ml-py 13.580 (pynvml) that are asked, with its units: bytes, percent, milliwatts.

    The second card's power isn't told, as with laptops.
    """

    NVML_TEMPERATURE_GPU = 0

    class NVMLError(Exception):
        pass

    def __init__(self, cards: int = 2, has_driver: bool = True) -> None:
        super().__init__("pynvml")
        self.cards, self.has_driver, self.opened = cards, has_driver, 0

    def nvmlInit(self) -> None:
        self.opened += 1
        if not self.has_driver:
            raise self.NVMLError("NVML Shared Library Not Found")

    def nvmlDeviceGetCount(self) -> int:
        return self.cards

    def nvmlDeviceGetHandleByIndex(self, index: int) -> int:
        return index

    def nvmlDeviceGetName(self, _handle: int) -> bytes:
        return b"NVIDIA GeForce RTX 3060"

    def nvmlDeviceGetUUID(self, handle: int) -> str:
        return f"GPU-{handle}"

    def nvmlDeviceGetUtilizationRates(self, handle: int) -> Any:
        return SimpleNamespace(gpu=90 + handle, memory=40)

    def nvmlDeviceGetMemoryInfo(self, _handle: int) -> Any:
        return SimpleNamespace(total=12 << 30, free=3 << 30, used=9 << 30)

    def nvmlDeviceGetTemperature(self, handle: int, _sensor: int) -> int:
        return 70 + handle

    def nvmlDeviceGetPowerUsage(self, handle: int) -> int:
        if handle:
            raise self.NVMLError("Not Supported")
        return 151_600

    nvmlDeviceGetEnforcedPowerLimit = nvmlDeviceGetPowerUsage  # noqa: N815


@pytest.fixture
def library(monkeypatch: pytest.MonkeyPatch) -> Library:
    made = Library()
    monkeypatch.setitem(sys.modules, "pynvml", made)
    return made


def test_every_card_says_what_it_can(page: TestClient, library: Library) -> None:
    found = page.get("/api/machine").json()
    assert found["gpus"] == [
        {"number": number, "uuid": f"GPU-{number}", "name": "NVIDIA GeForce RTX 3060", "load": 90 + number,
         "used": 9 << 30, "total": 12 << 30, "temperature": 70 + number, "power": power, "power_limit": power}
        for number, power in ((0, 152), (1, None))
    ]  # fmt: skip
    assert 0 < found["ram"]["used"] < found["ram"]["total"]


def test_the_cards_that_train_are_told_and_asked_once_a_second(tmp_path: Path, library: Library) -> None:
    program.change(tmp_path, {"gpus": "1"})
    now = 0.0
    gauges = Gauges(tmp_path, clock=lambda: now)
    assert [gpu["number"] for gpu in gauges.read()["gpus"]] == [1]
    library.cards = 1  # the one that trained was taken out
    assert [gpu["number"] for gpu in gauges.read()["gpus"]] == [1]
    now = 2.0
    assert [gpu["number"] for gpu in gauges.read()["gpus"]] == [0]
    assert library.opened == 1


def test_without_a_driver_memory_alone_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    gone = Library(has_driver=False)
    monkeypatch.setitem(sys.modules, "pynvml", gone)
    now = iter(range(0, 100, 10))
    gauges = Gauges(tmp_path, clock=lambda: float(next(now)))
    assert gauges.read()["gpus"] == gauges.read()["gpus"] == []
    assert gone.opened == 1
    assert gauges.read()["ram"]["total"] > 0
