"""Several GPUs: the usual lane has a slot for each, whose workers take what comes next."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from execution import worker_process
from execution.conftest import Bench
from execution.test_worker import events, has_stepped

from train_tools.environment import gpus, process, program
from train_tools.errors import UsageError
from train_tools.execution import lane, queue_actions, worker
from train_tools.execution.lane import has_worker, lane_lock, slot_has_worker, slots, training
from train_tools.execution.queue import PAUSED, STOP_AFTER
from train_tools.execution.states import CANCEL, GIVE_WAY, PAUSE
from train_tools.execution.supervise import environment
from train_tools.execution.ticket import LIGHT_LANE
from train_tools.execution.worker import Worker, choose_pack


@pytest.fixture
def two(bench: Bench) -> Bench:
    program.change(bench.root, {"gpus": "2, 0"})
    return bench


class Workers:
    """One process for each slot, as `ensure_worker` starts them."""

    def __init__(self, root: Path) -> None:
        self._command = [sys.executable, worker_process.__file__, str(root), "--root", str(root), "--slot"]
        self.started: list[subprocess.Popen[bytes]] = []

    def start(self) -> None:
        self.started = [subprocess.Popen([*self._command, slot], env=environment()) for slot in "01"]


@pytest.fixture
def workers(two: Bench) -> Iterator[Workers]:
    made = Workers(two.root)
    yield made
    for one in made.started:
        one.kill()
        one.wait()


def until(is_so: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 120
    while not is_so():
        assert time.monotonic() < deadline, "waited too long"
        time.sleep(0.02)


def running(bench: Bench) -> list[int]:
    return [number for number, state in bench.states().items() if state == "running"]


def has_ended(bench: Bench) -> bool:
    return not has_worker(bench.root)


@pytest.mark.parametrize(
    ("gpus_", "per_run", "expected"),
    [
        ("auto", "1", [""]), ("auto", "2", [""]), ("1", "1", ["1"]), ("0,1", "1", ["0", "1"]), ("0, 1", "2", ["0,1"]),
        ("0,1,2,3", "2", ["0,1", "2,3"]), ("GPU-0a1b,3", "1", ["GPU-0a1b", "3"]),
    ],
)  # fmt: skip
def test_gpus_are_shared_out(tmp_path: Path, gpus_: str, per_run: str, expected: list[str]) -> None:
    program.change(tmp_path, {"gpus": gpus_, "gpus_per_run": per_run})
    assert slots(tmp_path, "gpu") == expected
    assert slots(tmp_path, LIGHT_LANE) == slots(tmp_path, "other") == [""]
    for number, chosen in enumerate(expected):
        found = process.process_environment({gpus.SLOT_VARIABLE: str(number)}, tmp_path)
        assert found.get("CUDA_VISIBLE_DEVICES", "") == chosen
        assert found.get(gpus.PER_RUN_VARIABLE, "1") == per_run


@pytest.mark.parametrize(
    "changes", [{"gpus": "0,0"}, {"gpus": "0;1"}, {"gpus": ""}, {"gpus": "all"}, {"gpus_per_run": "0"},
                {"gpus": "0,1,2", "gpus_per_run": "2"}]
)  # fmt: skip
def test_what_cant_be_shared_out_is_refused(tmp_path: Path, changes: dict[str, str]) -> None:
    with pytest.raises(UsageError, match="gpus"):
        program.change(tmp_path, changes)
    assert slots(tmp_path, "gpu") == [""]


def test_a_gpu_that_isnt_there_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    said = b"0, GPU-aa, NVIDIA GeForce RTX 3060\n1, GPU-bb, NVIDIA RTX A4000\n"
    monkeypatch.setattr(gpus, "nvidia_smi", lambda *_: said)
    program.change(tmp_path, {"gpus": "1,GPU-aa"}, gpus.check_present)
    with pytest.raises(UsageError, match=r"no GPU 2 here; there are: 0 \(NVIDIA GeForce RTX 3060\), 1 \("):
        program.change(tmp_path, {"gpus": "1,2"}, gpus.check_present)
    assert program.read(tmp_path).gpus == "1,GPU-aa"
    monkeypatch.setattr(gpus, "nvidia_smi", lambda *_: None)  # no tool: nobody knows
    program.change(tmp_path, {"gpus": "1,2"}, gpus.check_present)


def entry(size: int = 8, key: str = "") -> Any:
    ticket = SimpleNamespace(
        kind="train", pack_size=size, arguments={"output_dir": key}, identity={"engine": "packed"}
    )
    return SimpleNamespace(ticket=ticket)


@pytest.mark.parametrize(
    ("sizes", "free", "taken"),
    [([8] * 8, 1, 8), ([8] * 8, 2, 4), ([8] * 9, 2, 5), ([8] * 30, 2, 8), ([8], 3, 1), ([2] * 8, 2, 2),
     ([8, 8, 8, 1], 1, 3), ([8, 1, 1], 2, 1), ([], 2, 0)],
)  # fmt: skip
def test_a_pack_is_shared_by_the_slots_that_are_free(
    bench: Bench, sizes: list[int], free: int, taken: int
) -> None:
    assert len(choose_pack([entry(size) for size in sizes], free)) == taken


def test_each_gpu_trains_runs_of_its_own_at_the_same_time(two: Bench, workers: Workers) -> None:
    two.add(seed="1-4", pack_size="1", training_comment="slow")
    workers.start()
    until(lambda: len(running(two)) == 2)
    until(lambda: has_ended(two))
    assert set(two.states().values()) == {"finished"}
    gpus_of = [events(entry.folder, "stage")[0]["gpus"] for entry in two.queue.entries()]
    assert sorted(gpus_of[:2]) == ["0", "2"]
    assert set(gpus_of) == {"0", "2"}
    first, second = (entry.record for entry in two.queue.entries()[:2])
    assert first is not None
    assert second is not None
    assert (first.started or 0) < (second.ended or 0)
    assert (second.started or 0) < (first.ended or 0)


def test_every_slot_without_a_worker_is_given_one(two: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lane, "COMMAND", (sys.executable, worker_process.__file__, str(two.root)))
    two.add(seed="1-4", pack_size="1", training_comment="slow")
    with lane_lock(two.root, "gpu", slot=1):
        assert has_worker(two.root)
        assert slot_has_worker(two.root, "gpu", 1)
        assert not slot_has_worker(two.root, "gpu", 0)
        assert lane.wake(two.queue)
        until(lambda: slot_has_worker(two.root, "gpu", 0))
        assert not lane.wake(two.queue)
    assert lane.wake(two.queue)
    until(lambda: len(running(two)) == 2)
    until(lambda: has_ended(two))
    assert set(two.states().values()) == {"finished"}


def test_stop_after_this_one_waits_for_both(two: Bench, workers: Workers) -> None:
    two.add(seed="1-4", pack_size="1", training_comment="held 6")
    workers.start()
    until(lambda: len(running(two)) == 2)
    with two.queue.locked() as connection:
        two.queue.set_flag(connection, "gpu", STOP_AFTER, on=True)
    for seed in (1, 2):
        (two.root / f"go-{seed}").touch()
    until(lambda: has_ended(two))
    assert list(two.states().values()) == ["finished", "finished", "queued", "queued"]
    with two.queue.locked() as connection:
        assert two.queue.flags(connection, "gpu") == {PAUSED}


def test_run_now_takes_the_place_of_one_alone(two: Bench, workers: Workers) -> None:
    two.add(seed="1-3", pack_size="1", training_comment="slow")
    workers.start()
    until(lambda: len(running(two)) == 2)
    until(lambda: all(has_stepped(two, number)() for number in (1, 2)))
    queue_actions.run_now(two.queue, 3)
    asked = [entry.id for entry in two.queue.entries() if entry.request == GIVE_WAY]
    assert len(asked) == 1
    until(lambda: has_ended(two))
    assert set(two.states().values()) == {"finished"}
    paused = [entry.id for entry in two.queue.entries() if events(entry.folder, "paused")]
    assert paused == asked


@pytest.mark.skipif(os.name == "nt", reason="no SIGKILL")
@pytest.mark.parametrize("victim", [0, 1])
def test_what_a_killed_worker_was_at_is_taken_up_by_the_others(
    two: Bench, workers: Workers, victim: int
) -> None:
    two.add(seed="1-3", pack_size="1", training_comment="slow")
    workers.start()
    until(lambda: len(running(two)) == 2)
    workers.started[victim].kill()
    until(lambda: has_ended(two))
    assert list(two.states().values()) == ["finished"] * 3


def test_what_was_asked_of_a_killed_worker_is_done(bench: Bench) -> None:
    bench.add(seed="1-3")
    with bench.queue.locked() as connection:
        bench.queue.mark(connection, [1, 2], taken=1)
        bench.queue.mark(connection, [1], request=CANCEL)
        bench.queue.mark(connection, [2], request=PAUSE)
    bench.work()
    assert list(bench.states().values()) == ["cancelled", "paused", "finished"]


def test_a_command_trains_on_the_first_gpu_beside_the_worker_of_the_second(two: Bench) -> None:
    with training(two.root) as first, training(two.root, slot=1) as second, training(two.root) as again:
        assert (first, second, again) == (True, True, False)


def test_a_slot_that_was_taken_away_ends_its_worker(two: Bench) -> None:
    two.add()
    program.change(two.root, {"gpus": "auto"})
    Worker(two.queue, slot=1).run()
    assert set(two.states().values()) == {"queued"}
    assert worker.main(["--root", str(two.root), "--slot", "1"]) == 0
