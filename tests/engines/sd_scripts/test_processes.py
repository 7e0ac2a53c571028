"""Several devices: one run by two processes of `accelerate launch`, which take the place of two GPUs on the CPU."""

from __future__ import annotations

import os

import psutil
import pytest
from engines.sd_scripts.bench import Bench, events, steps_said, work
from engines.sd_scripts.test_interruptions import adapter_of, alive, below, in_background, steps_done, until

from train_tools.execution import queue_actions
from train_tools.execution.curves import scalars

STEPS = 9  # 12 images an epoch, two at a time on each of two devices, 3 epochs


@pytest.fixture(autouse=True)
def two_devices(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRAIN_TOOLS_GPUS_PER_RUN", "2")
    monkeypatch.setenv("ACCELERATE_USE_CPU", "true")


def test_two_devices_train_a_run_together(real_bench: Bench) -> None:
    plan = real_bench.plan()
    assert [run.steps for run in plan.runs] == [STEPS]
    (result,) = real_bench.train()
    assert result.error is None
    assert [steps_said(path) for path in result.checkpoints] == ["3", "6", "9"]
    assert [event["step"] for event in events(result.folder, "step")] == list(range(1, STEPS + 1))
    assert scalars(result.folder)["loss/current"][0] == list(range(1, STEPS + 1))


def test_a_paused_run_leaves_no_process_of_any_device_and_goes_on(real_bench: Bench) -> None:
    queue = real_bench.queued(max_train_epochs="6")
    (entry,) = queue.entries()
    thread = in_background(queue)
    until(lambda: any(entry.folder.glob("state/out/*-000001-state/random*")))
    processes = below(adapter_of(entry.folder))
    assert len(trainers(processes)) == 2
    queue_actions.pause(queue, entry.id)
    thread.join(120)
    until(lambda: not any(alive(process) for process in processes))
    queue_actions.resume(queue, entry.id)
    (entry,) = work(queue)
    assert entry.state == "finished"
    assert len(events(entry.folder, "resumed")) == 1
    assert [steps_said(path) for path in sorted(entry.folder.glob("*.safetensors"))] == [
        str(3 * epoch) for epoch in range(1, 7)
    ]


@pytest.mark.skipif(os.name == "nt", reason="no SIGKILL")
@pytest.mark.parametrize("victim", ["launcher", "one device", "adapter"])
def test_a_killed_process_takes_the_others_with_it_and_the_run_goes_on(
    real_bench: Bench, victim: str
) -> None:
    queue = real_bench.queued(max_train_epochs="6")
    (entry,) = queue.entries()
    thread = in_background(queue)
    until(lambda: any(entry.folder.glob("state/out/*-000001-state/random*")) and steps_done(entry.folder) > 3)
    adapter = psutil.Process(adapter_of(entry.folder))
    processes = adapter.children(recursive=True)
    {"launcher": adapter.children()[0], "one device": trainers(processes)[1], "adapter": adapter}[
        victim
    ].kill()
    until(lambda: not any(alive(process) for process in processes))
    thread.join(120)
    (entry,) = queue.entries()
    assert entry.state == "finished", entry.error
    assert [steps_said(path) for path in sorted(entry.folder.glob("*.safetensors"))] == [
        str(3 * epoch) for epoch in range(1, 7)
    ]


def trainers(processes: list[psutil.Process]) -> list[psutil.Process]:
    """Those that torch's launcher started, in the order of their devices."""
    found = {process.environ().get("RANK"): process for process in processes}
    return [found[rank] for rank in sorted(name for name in found if name)]
