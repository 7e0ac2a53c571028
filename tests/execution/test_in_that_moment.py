"""A worker that is ended just when a run has ended, or when something was asked of it."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest
from execution.conftest import Bench

from train_tools.engines.interface import FINISH_FILE
from train_tools.execution import queue_actions, worker
from train_tools.execution.queue import Entry
from train_tools.execution.run_record import write_record
from train_tools.execution.ticket import PREVIEW
from train_tools.workspace import settings

DEAD = 2**22 + 1  # above the largest process id


def trained_but_not_recorded(bench: Bench) -> Entry:
    """A run that says finished, whose worker was killed before it wrote that down."""
    bench.add(seed="1")
    bench.work()
    entry = bench.entry(1)
    assert entry.record is not None
    write_record(entry.folder, dataclasses.replace(entry.record, state="running", pid=DEAD, ended=None))
    with bench.queue.locked() as connection:
        bench.queue.mark(connection, [1], done=0)
    assert bench.entry(1).state == "interrupted"
    return entry


@pytest.mark.parametrize("stop", [queue_actions.pause, queue_actions.cancel])
def test_a_run_that_was_whole_isnt_trained_again(bench: Bench, stop: Any) -> None:
    entry = trained_but_not_recorded(bench)
    stop(bench.queue, 1)
    (queue_actions.resume if stop is queue_actions.pause else queue_actions.retry)(bench.queue, 1)
    assert bench.states() == {1: "finished"}
    bench.work()
    assert bench.states() == {1: "finished"}
    assert not (entry.folder / "attempts").exists()


def test_its_preview_is_queued_and_nothing_is_asked_of_it_any_more(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    entry = trained_but_not_recorded(bench)
    (entry.folder / FINISH_FILE).touch()
    settings.update(bench.version, "preview", {"automatic": "run"})
    monkeypatch.setattr(
        worker.JobEngine, "command", lambda _, folders: [worker.sys.executable, "-c", "print('drawn')"]
    )
    bench.work()
    assert [e.ticket.kind for e in bench.queue.entries()] == [PREVIEW, "train"]
    assert bench.states()[1] == "finished"
    assert not (entry.folder / FINISH_FILE).exists()


@pytest.mark.parametrize(
    ("ask", "state"), [(queue_actions.cancel, "cancelled"), (queue_actions.pause, "paused")]
)
def test_what_was_asked_of_a_run_holds_though_its_worker_is_ended(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, ask: Any, state: str
) -> None:
    bench.add(seed="1,2")

    def ended(_engine: object, _folders: list[Path], *_others: object) -> int:
        ask(bench.queue, 1)
        raise KeyboardInterrupt

    monkeypatch.setattr(worker.supervise, "supervise", ended)
    with pytest.raises(KeyboardInterrupt):
        bench.work()
    assert bench.states() == {1: state, 2: "interrupted"}
