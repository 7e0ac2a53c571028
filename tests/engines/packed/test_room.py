"""A pack takes as many runs as fit into memory, by what a step of one and of two took, and gives the others back."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from engines.packed import test_resume as runs
from engines.packed.test_resume import checkpoints, engine, events

from train_tools.engines.packed import train
from train_tools.engines.packed.memory import trial
from train_tools.engines.packed.memory.meter import ProcessMeter, meter_for
from train_tools.engines.packed.step.pack import Late, Pack
from train_tools.families.loading import CPU

small_model = runs.small_model
Make = Callable[..., Path]
MB = 1_000_000


class Allocator:
    """A GPU's, of which other programs leave `free`: each run of a step takes `each` on top of the base model."""

    def __init__(self, free: int, each: int = 100 * MB, base: int = 500 * MB) -> None:
        self.total, self._free, self._each, self._base = 8_000 * MB, free, each, base
        self._peak = base
        self.tried: list[int] = []  # runs of the steps in their order

    def reset(self) -> None:
        self._peak = self._base

    def held(self) -> int:
        return self._base

    def peak(self) -> int:
        return self._peak

    def available(self) -> int:
        return self._free

    def step(self, count: int) -> None:
        self.tried.append(count)
        needed = self._base + count * self._each
        if needed > self._free:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB")
        self._peak = max(self._peak, needed)


@pytest.fixture
def make(tmp_path: Path) -> Make:
    runs.maker(tmp_path)
    return lambda name, **options: runs.run_folder(tmp_path, tmp_path / "runs" / name, options)


@pytest.fixture
def with_memory(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Allocator]:
    """The engine on a machine with so much memory, whose steps it must try."""

    def having(free: int, **sizes: int) -> Allocator:
        found = Allocator(free, **sizes)
        launch = Pack.launch

        def taking(self: Pack, batches: list[Any], **named: bool) -> Late:
            found.step(len(batches))
            return launch(self, batches, **named)

        monkeypatch.setattr(Pack, "launch", taking)
        monkeypatch.setattr(train, "meter_for", lambda _device: found)
        monkeypatch.setattr(trial, "LEVELS", 10**9)  # so that nothing surely fits
        return found

    return having


def four(make: Make) -> list[Path]:
    return [make(f"run {number}", seed=number, max_train_epochs=1) for number in range(1, 5)]


def test_what_doesnt_fit_is_given_back_and_trained_after(
    make: Make, with_memory: Callable[..., Allocator]
) -> None:
    memory = with_memory(free=800 * MB)  # of which 744 are taken: the base model and two runs
    folders = four(make)
    assert engine(folders) == 3
    assert memory.tried == [1] * trial.STEPS + [2] * trial.STEPS + [2, 2]
    assert [len(events(folder, "finished")) for folder in folders] == [1, 1, 0, 0]
    for folder in folders[2:]:
        (paused,) = events(folder, "paused")
        assert (paused["step"], paused["runs"]) == (0, 2)
        (warning,) = events(folder, "warning")
        assert warning["text"] == "2 of 4 runs fit into memory at once; this one is trained after them"
        assert not checkpoints(folder)
    assert engine(folders[2:]) == 0
    assert all(checkpoints(folder) for folder in folders)


def test_what_was_measured_is_told(make: Make, with_memory: Callable[..., Allocator]) -> None:
    with_memory(free=10_000 * MB)
    folders = four(make)[:2]
    assert engine(folders) == 0
    one, both = events(folders[1], "memory")
    assert (one["runs"], one["bytes"], one["available"], one["total"]) == (
        1,
        600 * MB,
        10_000 * MB,
        8_000 * MB,
    )
    assert one["step_seconds"] > 0
    assert (both["runs"], both["bytes"]) == (2, 700 * MB)


def test_a_trial_changes_nothing_of_what_is_trained(
    make: Make, with_memory: Callable[..., Allocator]
) -> None:
    plain, tried = make("plain", seed=1, max_train_epochs=1), make("tried", seed=1, max_train_epochs=1)
    assert engine([plain]) == 0
    with_memory(free=700 * MB)
    assert engine([tried, *four(make)[2:]]) == 3
    losses, expected = ([event["loss"] for event in events(f, "step")] for f in (tried, plain))
    assert losses == pytest.approx(expected, rel=1e-5)


def test_not_even_one_run_fits(make: Make, with_memory: Callable[..., Allocator]) -> None:
    with_memory(free=550 * MB)
    folders = four(make)[:2]
    assert engine(folders) == 2
    for folder in folders:
        (failed,) = events(folder, "failed")
        assert failed["error"] == (
            "one run alone needs more than the 0.6 GB of memory that are free; set gradient_checkpointing, or a "
            "smaller train_batch_size or resolution"
        )


def test_where_all_surely_fit_nothing_is_tried(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    memory = Allocator(free=100_000 * MB)
    monkeypatch.setattr(train, "meter_for", lambda _device: memory)
    folders = four(make)[:2]
    assert engine(folders) == 0
    assert [event["runs"] for event in events(folders[0], "memory")] == [2]


def test_on_the_cpu_linux_tells_what_the_process_takes() -> None:
    meter = meter_for(CPU)
    if meter is None:
        pytest.skip("this system doesn't tell")
    assert isinstance(meter, ProcessMeter)
    before = meter.held()
    kept = torch.ones(64 * 2**20, dtype=torch.uint8)
    meter.reset()
    assert meter.peak() - before >= 60 * 2**20
    assert meter.available() > meter.held() > 0
    del kept


def test_the_larger_rank_is_tried(make: Make, with_memory: Callable[..., Allocator]) -> None:
    with_memory(free=800 * MB)
    folders = [make(f"rank {rank}", seed=rank, network_dim=rank, max_train_epochs=1) for rank in (2, 8, 4)]
    seen: list[int] = []
    init = Pack.__init__

    def noted(self: Pack, configs: Any, *rest: Any, **named: Any) -> None:
        seen.append(max(config.network_dim for config in configs))
        init(self, configs, *rest, **named)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Pack, "__init__", noted)
        assert engine(folders) == 3
    assert seen[:2] == [8, 8]
