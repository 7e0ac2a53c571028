from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path

import pytest
from execution.fake_engine import FakeEngine, make_version, settings

from train_tools.engines import registry
from train_tools.execution import supervise
from train_tools.execution.queue import Entry, Queue
from train_tools.execution.queue_actions import Conditions, add_training
from train_tools.execution.worker import Worker
from train_tools.planning.plan import make_plan
from train_tools.workspace.workspace import Version

ALWAYS = Conditions()


@dataclasses.dataclass
class Bench:
    """A queue in a fresh root, with the fake engine and a worker that runs in the test's process."""

    root: Path
    version: Version
    queue: Queue
    slept: list[float] = dataclasses.field(default_factory=list)
    shut_downs: list[bool] = dataclasses.field(default_factory=list)
    on_sleep: Callable[[], None] = lambda: None

    def add(self, conditions: Conditions = ALWAYS, **changes: str) -> list[int]:
        given = settings(self.root, **changes)
        plan = make_plan(self.version, given)
        return [ticket.id for ticket in add_training(self.queue, self.version, plan, conditions)]

    def worker(self) -> Worker:
        def sleep(seconds: float) -> None:
            self.slept.append(seconds)
            assert len(self.slept) < 50, "the worker doesn't end"
            self.on_sleep()

        return Worker(self.queue, sleep=sleep, shut_down=lambda: self.shut_downs.append(True))

    def work(self) -> None:
        self.worker().run()

    def states(self) -> dict[int, str]:
        return {entry.id: entry.state for entry in self.queue.entries()}

    def entry(self, number: int) -> Entry:
        (found,) = [entry for entry in self.queue.entries() if entry.id == number]
        return found


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bench:
    monkeypatch.setitem(registry.ENGINES, "packed", FakeEngine(tmp_path))
    monkeypatch.setattr(supervise, "POLL_S", 0.02)
    return Bench(tmp_path, make_version(tmp_path), Queue(tmp_path))
