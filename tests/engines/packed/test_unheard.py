"""Losses are read while the next step is computed, and yet before anything that is kept."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from engines.packed import test_lives as lives
from engines.packed import test_resume as runs
from engines.packed.test_resume import at_step, checkpoints, engine, events

from benchmarks.counted import Calls
from benchmarks.packed_training import batch_of, config
from train_tools.engines.interface import PAUSE_FILE
from train_tools.engines.packed.step.pack import Late, Pack
from train_tools.families.loading import load
from train_tools.small_models import base_model_file

small_model, make, sizes = runs.small_model, lives.make, lives.sizes
Make = Callable[..., Path]


def nan_of_the_second_run(monkeypatch: pytest.MonkeyPatch, at: int) -> None:
    losses, calls = Pack.losses, [0]

    def broken(self: Pack, *arguments: Any) -> torch.Tensor:
        calls[0] += 1
        found = losses(self, *arguments)
        return found * torch.tensor([1.0, float("nan")]) if calls[0] == at else found

    monkeypatch.setattr(Pack, "losses", broken)


@pytest.mark.parametrize("optimizer", ["AdamW", "Lion"])
def test_a_step_reads_no_number(optimizer: str) -> None:
    """On a GPU, who reads one waits for all that was asked before."""
    base = load(base_model_file())
    pack = Pack([config(seed, optimizer) for seed in range(2)], base, 3)
    batches = [batch_of(1, 8)] * 2
    with pack.stack.attached():
        pack.step(batches)  # the optimizers' first step is another
        with Calls() as calls:
            late = pack.launch(batches)
    assert calls.launches > 1000
    assert calls.found["_local_scalar_dense"] == 0
    assert len(late.values()) == 2


def test_each_steps_losses_are_read_after_the_next_one_has_begun(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, other = make("one", max_train_epochs=2), make("two", max_train_epochs=2)
    done: list[str] = []
    launch, values = Pack.launch, Late.values

    def launched(self: Pack, *arguments: Any, **named: bool) -> Late:
        done.append("begun")
        return launch(self, *arguments, **named)

    def read(self: Late) -> list[float]:
        done.append("read")
        return values(self)

    image = next((folder.parents[1] / "images").rglob("0.png"))
    image.with_name("9.png").write_bytes(image.read_bytes())  # three batches an epoch
    monkeypatch.setattr(Pack, "launch", launched)
    monkeypatch.setattr(Late, "values", read)
    assert engine([folder, other]) == 0
    epoch = ["begun", "begun", "read", "begun", "read", "read"]  # all, before its checkpoint
    assert done == epoch * 2
    told = events(folder, "step")
    assert [event["step"] for event in told] == [1, 2, 3, 4, 5, 6]
    assert told[2]["average_loss"] == pytest.approx(sum(event["loss"] for event in told[:3]) / 3)


def test_nothing_of_the_step_that_failed_is_saved(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    well, broken = (make(name, seed=seed, save_every_n_steps=1) for seed, name in enumerate("ab"))
    nan_of_the_second_run(monkeypatch, at=2)
    assert engine([well, broken]) == 1
    assert list(checkpoints(broken)) == ["lora-step00000001.safetensors"]
    assert len(checkpoints(well)) > 3
    (failed,) = events(broken, "failed")
    assert "the loss is nan at step 2" in failed["error"]


def test_who_pauses_knows_that_a_run_has_failed(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    well, broken = make("a", seed=1), make("b", seed=2)
    nan_of_the_second_run(monkeypatch, at=1)
    at_step(monkeypatch, 1, lambda: (well / PAUSE_FILE).write_text(""))
    assert engine([well, broken]) == 3
    assert [len(events(folder, "paused")) for folder in (well, broken)] == [1, 0]
    assert "at step 1" in events(broken, "failed")[0]["error"]
    assert not (broken / "state").exists()
