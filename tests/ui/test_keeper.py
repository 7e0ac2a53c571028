"""A worker that was killed is started again though nobody looks."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest
from execution.conftest import Bench
from execution.fake_engine import FakeEngine, make_version

from train_tools.engines import registry
from train_tools.execution import lane
from train_tools.execution.queue import PAUSED, Queue
from train_tools.ui import keeper


def test_only_lanes_with_work_get_a_worker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(registry.ENGINES, "packed", FakeEngine(tmp_path))
    bench = Bench(tmp_path, make_version(tmp_path), Queue(tmp_path))
    started = threading.Event()
    monkeypatch.setattr(lane, "ensure_worker", lambda _root, _lane: started.set() or True)
    turns = threading.Semaphore(0)
    done = threading.Semaphore(0)

    def sleep(_seconds: float) -> None:
        done.release()
        turns.acquire()

    monkeypatch.setattr(keeper.time, "sleep", sleep)
    keeper.keep_workers(tmp_path)

    def turn() -> None:
        turns.release()
        assert done.acquire(timeout=10)

    assert done.acquire(timeout=10)
    turn()
    assert not started.is_set()
    bench.add(seed="1")
    with bench.queue.locked() as connection:
        bench.queue.set_flag(connection, "gpu", PAUSED, on=True)
    turn()
    assert not started.is_set()
    with bench.queue.locked() as connection:
        bench.queue.set_flag(connection, "gpu", PAUSED, on=False)
    turn()
    assert started.is_set()
