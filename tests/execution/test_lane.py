"""One worker is started, however often somebody looks while it comes; nothing is missed before or after it."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable

import pytest
from execution import worker_process
from execution.conftest import Bench

from train_tools.execution import lane
from train_tools.execution.lane import ensure_worker, has_worker, wake
from train_tools.execution.ticket import DEFAULT_LANE


@pytest.fixture(autouse=True)
def workers_with_the_fake_engine(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lane, "COMMAND", (sys.executable, worker_process.__file__, str(bench.root)))


def until(is_so: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 120
    while not is_so():
        assert time.monotonic() < deadline, "waited too long"
        time.sleep(0.02)


def test_while_one_starts_no_other_is_started(bench: Bench) -> None:
    bench.add()
    assert [wake(bench.queue) for _ in range(5)] == [True, False, False, False, False]
    until(lambda: bench.states() == {1: "finished"} and not has_worker(bench.root))
    bench.add(seed="2")
    assert wake(bench.queue)
    until(lambda: bench.states() == {1: "finished", 2: "finished"})


@pytest.mark.skipif(os.name == "nt", reason="no SIGKILL")
def test_one_that_fell_while_it_started_is_started_again(bench: Bench) -> None:
    bench.add()
    assert wake(bench.queue)
    os.kill(int(lane._mark(bench.root, DEFAULT_LANE, 0).read_text()), signal.SIGKILL)
    until(lambda: wake(bench.queue))
    until(lambda: bench.states() == {1: "finished"})


def test_one_that_comes_to_nothing_isnt_waited_for_for_ever(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lane, "COMMAND", (sys.executable, "-c", "import time; time.sleep(9)"))
    assert [ensure_worker(bench.root) for _ in range(2)] == [True, False]
    monkeypatch.setattr(lane, "START_S", 0)
    assert ensure_worker(bench.root)
