"""Pause, cancel and kill: nothing is left training, nothing finished is lost, and the run goes on."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest
from engines.sd_scripts.bench import STEPS, Bench, events, steps_said, work

from train_tools.execution import queue_actions
from train_tools.execution.curves import scalars
from train_tools.execution.queue import Queue
from train_tools.execution.supervise import environment
from train_tools.execution.train import train
from train_tools.execution.worker import Worker
from train_tools.workspace.run_folder import read_record

LONG_S = 120.0


@pytest.fixture(autouse=True)
def slow_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of the stand-in."""
    monkeypatch.setenv("STAND_IN_STEP_S", "0.2")


def until(is_so: Callable[[], bool]) -> None:
    end = time.monotonic() + LONG_S
    while not is_so():
        assert time.monotonic() < end, "waited too long"
        time.sleep(0.05)


def steps_done(folder: Path) -> int:
    try:
        return len(events(folder, "step"))
    except (OSError, ValueError):  # the last line is being written
        return 0


def has_checkpoint(folder: Path) -> bool:
    return any(folder.glob("*-000001.safetensors"))


def below(pid: int) -> list[psutil.Process]:
    return psutil.Process(pid).children(recursive=True)


def adapter_of(folder: Path) -> int:
    record = read_record(folder)
    assert record is not None
    assert record.pid is not None
    return record.pid


def in_background(queue: Queue) -> threading.Thread:
    thread = threading.Thread(target=lambda: Worker(queue, sleep=time.sleep).run())
    thread.start()
    return thread


def whole(folder: Path) -> None:
    """A finished run that nobody can tell from one that was never interrupted, but for its loss."""
    record = read_record(folder)
    assert record is not None
    assert (record.state, record.error) == ("finished", None)
    saved = sorted(folder.glob("*.safetensors"))
    assert [steps_said(path) for path in saved] == ["6", "12", "18"]
    curves = scalars(folder)
    assert curves["loss/current"][0] == list(range(1, STEPS + 1))
    rates = curves["lr/unet"][1]
    assert rates == sorted(rates, reverse=True)  # the schedule goes on where it was
    assert not (folder / "state").exists()
    assert not list(folder.glob(".*"))


def test_a_paused_run_goes_on_from_its_last_state(bench: Bench) -> None:
    queue = bench.queued()
    (entry,) = queue.entries()
    thread = in_background(queue)
    until(lambda: has_checkpoint(entry.folder) and any(entry.folder.glob("state/out/*-000001-state/random*")))
    trainers = below(adapter_of(entry.folder))
    queue_actions.pause(queue, entry.id)
    thread.join(LONG_S)
    assert [e.state for e in queue.entries()] == ["paused"]
    until(lambda: not any(alive(process) for process in trainers))
    (paused,) = events(entry.folder, "paused")
    assert (paused["epoch"], paused["step"]) in ((1, 6), (2, 12))
    queue_actions.resume(queue, entry.id)
    (entry,) = work(queue)
    (resumed,) = events(entry.folder, "resumed")
    assert (resumed["epoch"], resumed["step"]) == (paused["epoch"], paused["step"])
    whole(entry.folder)


def test_a_cancelled_run_keeps_its_checkpoints_and_leaves_nothing_running(stand_in_bench: Bench) -> None:
    queue = stand_in_bench.queued()
    (entry,) = queue.entries()
    thread = in_background(queue)
    until(lambda: has_checkpoint(entry.folder))
    trainers = below(adapter_of(entry.folder))
    queue_actions.cancel(queue, entry.id)
    thread.join(LONG_S)
    assert [e.state for e in queue.entries()] == ["cancelled"]
    until(lambda: not any(alive(process) for process in trainers))
    assert has_checkpoint(entry.folder)


@pytest.mark.skipif(os.name == "nt", reason="no SIGKILL")
@pytest.mark.parametrize("victim", ["trainer", "adapter"])
def test_a_killed_training_is_taken_up_again(bench: Bench, victim: str) -> None:
    queue = bench.queued()
    (entry,) = queue.entries()
    thread = in_background(queue)
    until(lambda: any(entry.folder.glob("state/out/*-000001-state/random*")) and steps_done(entry.folder) > 7)
    adapter = psutil.Process(adapter_of(entry.folder))
    trainers = adapter.children(recursive=True)
    for process in trainers[:1] if victim == "trainer" else [adapter]:
        process.kill()
    until(lambda: not any(alive(process) for process in trainers))
    thread.join(LONG_S)
    assert len(events(entry.folder, "resumed")) == 1
    whole(entry.folder)


@pytest.mark.skipif(os.name == "nt", reason="no SIGKILL")
def test_a_killed_worker_takes_the_trainer_with_it(stand_in_bench: Bench) -> None:
    queue = stand_in_bench.queued()
    (entry,) = queue.entries()
    command = [sys.executable, "-m", "train_tools.execution.worker", "--root", str(stand_in_bench.root)]
    worker = subprocess.Popen(command, env=environment(), stdout=subprocess.DEVNULL)
    until(lambda: steps_done(entry.folder) > 7)
    trainers = [psutil.Process(adapter_of(entry.folder)), *below(adapter_of(entry.folder))]
    worker.kill()
    worker.wait()
    until(lambda: not any(alive(process) for process in trainers))
    (entry,) = work(queue)
    whole(entry.folder)


def test_what_was_written_when_all_was_killed_is_handed_on_with_its_true_steps(stand_in_bench: Bench) -> None:
    bench = stand_in_bench
    (result,) = bench.train(training_comment="dies once")
    assert result.state == "failed"  # outside of the queue it isn't tried again
    (left,) = list(result.folder.glob("*-000001.safetensors"))
    first = left.read_bytes()
    left.unlink()  # as if the adapter had been killed before it was handed on
    (result,) = bench.train(training_comment="dies once")
    assert result.error is None
    assert left.read_bytes() == first
    whole(result.folder)


@pytest.mark.parametrize(("every", "goes_on"), [(3, True), (4, False)])
def test_checkpoints_by_steps_are_those_of_the_whole_run(
    stand_in_bench: Bench, every: int, goes_on: bool
) -> None:
    changes = {"training_comment": "dies once", "save_every_n_steps": str(every)}
    (result,) = stand_in_bench.train(**changes)
    assert result.state == "failed"
    (result,) = stand_in_bench.train(**changes)
    assert bool(events(result.folder, "resumed")) == goes_on
    if goes_on:
        assert result.error is None
        said = {int(path.stem[-8:]): int(steps_said(path)) for path in result.folder.glob("*-step*")}
        assert said == {step: step for step in range(every, STEPS + 1, every)}
    else:
        texts = [event["text"] for event in events(result.folder, "warning")]
        assert any("save_every_n_steps 4 wouldn't be met" in text for text in texts)


def test_images_that_changed_begin_anew(stand_in_bench: Bench) -> None:
    bench = stand_in_bench
    plan = bench.plan(training_comment="dies once")
    (result,) = bench.train(training_comment="dies once")
    assert result.state == "failed"
    (bench.version.processed / "3_zorb" / "00000-0-a.txt").write_text("other words")
    (result,) = train(bench.version, plan, lambda run, event: None)
    assert not events(result.folder, "resumed")
    assert any("images have changed" in event["text"] for event in events(result.folder, "warning"))


def alive(process: psutil.Process) -> bool:
    return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
