"""Tasks of the page server: answered soon or later, one after another, and only the newest of those that wait."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from train_tools.errors import TrainToolsError, UsageError
from train_tools.ui import tasks as module
from train_tools.ui.tasks import Task, Tasks


@pytest.fixture
def tasks(monkeypatch: pytest.MonkeyPatch) -> Tasks:
    monkeypatch.setattr(module, "SOON_S", 0.0)
    return Tasks()


class Held:
    """Work that goes on until it is told to end."""

    def __init__(self) -> None:
        self.begun, self.may_end = threading.Event(), threading.Event()

    def __call__(self, task: Task) -> Any:
        task.report(1, 2, "half")
        self.begun.set()
        assert self.may_end.wait(30)
        return task.id


def ended(tasks: Tasks, number: int) -> dict[str, Any]:
    task = tasks._tasks[number]
    assert task.over.wait(30)
    return tasks.answer(number)


def test_what_is_done_soon_is_answered_at_once() -> None:
    answer = Tasks().start(lambda _task: "result")
    assert (answer["state"], answer["result"]) == ("done", "result")


def test_longer_work_is_asked_after(tasks: Tasks) -> None:
    work = Held()
    answer = tasks.start(work)
    assert work.begun.wait(30)
    number = answer["task"]
    assert tasks.answer(number) == {"task": number, "state": "running", "done": 1, "of": 2, "name": "half"}
    work.may_end.set()
    assert ended(tasks, number)["result"] == number


def test_of_those_that_wait_only_the_newest_is_done(tasks: Tasks) -> None:
    first, newest = Held(), Held()
    numbers = [tasks.start(first, only_newest_of="plan 1")["task"]]
    assert first.begun.wait(30)
    numbers += [tasks.start(lambda _task: pytest.fail("it was dropped"), only_newest_of="plan 1")["task"]]
    numbers += [tasks.start(newest, only_newest_of="plan 1")["task"]]
    other = tasks.start(lambda _task: "other", only_newest_of="plan 2")["task"]
    assert ended(tasks, other)["result"] == "other"  # it has a turn of its own
    assert not newest.begun.is_set()
    first.may_end.set()
    newest.may_end.set()
    assert [ended(tasks, number)["state"] for number in numbers] == ["done", "outdated", "done"]


def test_what_fails_says_why_and_no_traceback(tasks: Tasks) -> None:
    def wrong(_task: Task) -> None:
        raise UsageError("say something else")

    def broken(_task: Task) -> None:
        raise KeyError("inside")

    assert ended(tasks, started(tasks, wrong))["error"] == "say something else"
    assert "page.log" in ended(tasks, started(tasks, broken))["error"]
    with pytest.raises(TrainToolsError, match="isn't known any more"):
        tasks.answer(99)


def started(tasks: Tasks, work: module.Work) -> int:
    """Its number, also where it has failed already."""
    try:
        return int(tasks.start(work)["task"])
    except TrainToolsError:
        return max(tasks._tasks)


def test_old_results_are_forgotten(tasks: Tasks, monkeypatch: pytest.MonkeyPatch) -> None:
    number = tasks.start(lambda _task: 1)["task"]
    ended(tasks, number)
    monkeypatch.setattr(module, "KEPT_S", -1.0)
    tasks.start(lambda _task: 2)
    with pytest.raises(TrainToolsError):
        tasks.answer(number)
