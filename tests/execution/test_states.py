"""How an entry stands: every state and every way from one to another, by what really happens to it."""

from __future__ import annotations

import dataclasses
import itertools
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from execution.conftest import Bench
from execution.fake_engine import settings

from train_tools.execution import lane, queue_actions, run_record
from train_tools.execution.lane import lane_lock
from train_tools.execution.queue import DRAWS, PAUSED, STOP_AFTER
from train_tools.execution.queue_view import QueueView
from train_tools.execution.states import (
    CANCEL,
    ENDED,
    FINISH,
    GIVE_WAY,
    JOIN,
    NEXT,
    PAUSE,
    STANDINGS,
    Around,
    standing,
)
from train_tools.planning.plan import make_plan
from train_tools.ui.texts import texts
from train_tools.workspace.run_folder import STATES, RunRecord, process_start, read_record

Ways = set[tuple[str, str]]


@pytest.fixture(autouse=True)
def no_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    """A look at the queue starts none of its own."""
    monkeypatch.setattr(lane, "_start_worker", lambda *_: None)


@pytest.fixture
def ways(monkeypatch: pytest.MonkeyPatch) -> Iterator[Ways]:
    """From which state to which each entry went, attempt after attempt, as it was written."""
    seen: Ways = set()
    before: dict[Path, str] = {}
    write = run_record.write_record

    def noted(folder: Path, record: RunRecord) -> RunRecord:
        seen.add((before.get(folder, ""), record.state))
        before[folder] = record.state
        return write(folder, record)

    monkeypatch.setattr(run_record, "write_record", noted)
    yield seen
    assert {way for way in seen if way[1] not in NEXT[way[0]]} == set()


def stands(bench: Bench, number: int = 1) -> str:
    return str(QueueView(bench.queue).look().entries[number]["standing"])


def test_every_state_has_its_ways_and_every_standing_its_words() -> None:
    assert set(NEXT) == {"", *STATES}
    assert {state for found in NEXT.values() for state in found} == set(STATES)
    assert set(STANDINGS.values()) == set(STATES)
    for name in STANDINGS:
        assert all(texts()[f"queue.is_{name}"]), name


EVERY = {
    "state": STATES,
    "is_taken": (False, True),
    "has_worker": (False, True),
    "has_ended": (False, True),
    "request": ("", CANCEL, PAUSE, GIVE_WAY, FINISH, JOIN),
    "is_later": (False, True),
    "around": [Around(*flags) for flags in itertools.product((False, True), repeat=4)],
}


def test_whatever_comes_together_has_one_true_answer() -> None:
    told = set()
    for values in itertools.product(*EVERY.values()):
        facts = dict(zip(EVERY, values, strict=True))
        found = standing(facts.pop("state"), **facts)  # type: ignore[arg-type]
        told.add(found)
        state, around = values[0], values[-1]
        assert found in STANDINGS
        if state in ENDED or state == "paused":
            assert found == state
        if found == "cut":  # "goes on by itself"
            assert not (around.is_paused or around.draws or around.stops)  # type: ignore[union-attr]
            assert around.has_worker  # type: ignore[union-attr]
        if STANDINGS[found] == "running":
            assert state == "running" or facts["is_taken"]
    assert told == set(STANDINGS)


def test_a_finished_a_failed_and_a_cancelled_run_go_their_ways(bench: Bench, ways: Ways) -> None:
    bench.add(seed="1")
    bench.add(seed="2", training_comment="says failed")
    bench.add(seed="3")
    queue_actions.cancel(bench.queue, 3)
    assert stands(bench, 1) == "waiting"
    bench.work()
    assert [stands(bench, number) for number in (1, 2, 3)] == ["finished", "failed", "cancelled"]
    for number in (2, 3):
        queue_actions.retry(bench.queue, number)
        assert stands(bench, number) == "waiting"
    queue_actions.pause(bench.queue, 3)
    assert stands(bench, 3) == "paused"
    queue_actions.resume(bench.queue, 3)
    queue_actions.pause(bench.queue, 3)
    queue_actions.cancel(bench.queue, 3)
    assert ways == {
        ("", "queued"), ("queued", "running"), ("running", "finished"), ("running", "failed"),
        ("queued", "cancelled"), ("failed", "queued"), ("cancelled", "queued"), ("queued", "paused"),
        ("paused", "queued"), ("paused", "cancelled"),
    }  # fmt: skip


def test_what_is_given_back_and_what_is_trained_once_more(bench: Bench, ways: Ways) -> None:
    bench.add(seed="1-3", training_comment="two fit")
    bench.work()
    assert ("running", "queued") in ways  # the third, as no more fit
    assert [stands(bench, number) for number in (1, 2, 3)] == ["finished"] * 3
    plan = make_plan(bench.version, settings(bench.root, seed="1", training_comment="two fit"), again=True)
    queue_actions.add_training(bench.queue, bench.version, plan, queue_actions.Conditions())
    assert ("finished", "queued") in ways


def test_a_run_that_was_whole_when_its_worker_fell_is_finished(bench: Bench, ways: Ways) -> None:
    bench.add(seed="1")
    bench.work()
    record = bench.entry(1).record
    assert record is not None
    run_record.write_record(bench.entry(1).folder, dataclasses.replace(record, state="interrupted"))
    with bench.queue.locked() as connection:
        bench.queue.mark(connection, [1], done=0)
    ways.discard(("finished", "interrupted"))  # that was the fall
    bench.work()
    assert stands(bench) == "finished"
    assert ("interrupted", "finished") in ways


def while_it_trains(bench: Bench, do: Callable[[], None], until: Callable[[], bool]) -> Iterator[str]:
    """How the first entry stands at each look, from when it trains; `do` is done then."""
    worker = threading.Thread(target=bench.work)
    with lane_lock(bench.root, "gpu"):  # as the worker's process has it
        worker.start()
        view = QueueView(bench.queue)
        is_done = False
        deadline = time.monotonic() + 120
        while worker.is_alive() and time.monotonic() < deadline:
            found = view.look().entries[1]
            if found["state"] == "running" and found["step"] and not is_done:
                do()
                is_done = True
            yield str(found["standing"])
            if is_done and until():
                break
            time.sleep(0.005)
        worker.join(30)
    yield str(QueueView(bench.queue).look().entries[1]["standing"])


def in_turn(looks: Iterator[str]) -> list[str]:
    """Each standing once as long as it lasted."""
    return [name for name, _ in itertools.groupby(looks)]


def never() -> bool:
    return False


@pytest.mark.parametrize(
    ("action", "between", "end"),
    [
        (lambda _bench: None, {"begins", "running", "ending"}, "finished"),
        (lambda b: queue_actions.cancel(b.queue, 1), {"begins", "running", "ending", "cancelling"}, "cancelled"),
        (lambda b: queue_actions.pause(b.queue, 1), {"begins", "running", "ending", "pausing"}, "paused"),
        (lambda b: queue_actions.finish(b.queue, 1), {"begins", "running", "ending", "finishing"}, "finished"),
    ],
    ids=["nothing", "cancel", "pause", "finish"],
)  # fmt: skip
def test_no_state_in_between_says_that_it_was_cut_off(
    bench: Bench, ways: Ways, action: Callable[[Bench], None], between: set[str], end: str
) -> None:
    bench.add(seed="1", training_comment="slow")
    seen = in_turn(while_it_trains(bench, lambda: action(bench), never))
    assert seen[-1] == end
    assert set(seen[:-1]) - {"waiting"} <= between
    assert ("running", end) in ways


def test_a_job_that_has_ended_is_never_interrupted(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also while its worker takes long to look at what it made."""
    from train_tools.execution.attempt import Attempt

    faults = Attempt.faults

    def slowly(attempt: Attempt) -> list[str]:
        time.sleep(0.4)
        return faults(attempt)

    monkeypatch.setattr(Attempt, "faults", slowly)
    bench.add(seed="1", training_comment="brisk")
    seen = in_turn(while_it_trains(bench, lambda: None, never))
    assert seen[-2:] == ["ending", "finished"]


def test_what_was_paused_with_its_queue_says_so(bench: Bench, ways: Ways) -> None:
    bench.add(seed="1", training_comment="slow")

    def pause() -> None:
        flag(bench, PAUSED)

    seen = in_turn(while_it_trains(bench, pause, never))
    assert seen[-1] == "cut_paused"
    flag(bench, PAUSED, on=False)
    flag(bench, DRAWS)
    assert stands(bench) == "cut_draws"
    flag(bench, DRAWS, on=False)
    assert stands(bench) == "cut_alone"  # nobody is there yet
    with lane_lock(bench.root, "gpu"):
        assert stands(bench) == "cut"
    queue_actions.pause(bench.queue, 1)
    assert ("interrupted", "paused") in ways
    queue_actions.resume(bench.queue, 1)
    assert stands(bench) == "waiting"


def test_what_waits_says_for_what(bench: Bench) -> None:
    bench.add(seed="1,2")
    queue_actions.not_before(bench.queue, 1, time.time() + 1000)
    assert [stands(bench, number) for number in (1, 2)] == ["later", "waiting"]
    flag(bench, PAUSED)
    assert [stands(bench, number) for number in (1, 2)] == ["later_paused", "waiting_paused"]
    flag(bench, PAUSED, on=False)
    flag(bench, DRAWS)
    assert stands(bench, 2) == "waiting_draws"
    flag(bench, DRAWS, on=False)
    flag(bench, STOP_AFTER)
    assert stands(bench, 2) == "waiting"  # nothing is done, so nothing is waited for
    with bench.queue.locked() as connection:
        bench.queue.mark(connection, [1], taken=1)
    with lane_lock(bench.root, "gpu"):
        assert [stands(bench, number) for number in (1, 2)] == ["begins", "waiting_stops"]
        with bench.queue.locked() as connection:
            bench.queue.mark(connection, [1], request=JOIN)
        assert stands(bench, 1) == "joins"
    assert stands(bench, 1) == "cut_alone"


@pytest.mark.skipif(os.name == "nt", reason="no SIGKILL")
def test_only_a_run_that_lost_its_worker_too_was_cut_off(bench: Bench) -> None:
    bench.add(seed="1")
    folder = bench.entry(1).folder
    supervisor = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    record = read_record(folder)
    assert record is not None
    ended = dataclasses.replace(
        run_record.start(folder, record, gone.pid),
        supervisor=supervisor.pid, supervisor_started=process_start(supervisor.pid),
    )  # fmt: skip
    run_record.write_record(folder, ended)
    found = read_record(folder)
    assert found is not None
    assert found.state == "running"  # somebody is about to write how it ended
    supervisor.send_signal(signal.SIGKILL)
    supervisor.communicate()
    found = read_record(folder)
    assert found is not None
    assert found.state == "interrupted"


def test_no_time_is_left_before_a_rate_is_known(bench: Bench) -> None:
    bench.add(seed="1", training_comment="held 2")
    folder = bench.entry(1).folder
    steps = [
        {"step": 1, "steps": 9, "rate": 4.0, "seconds_left": 2.0, "time": 1.0},
        {"step": 1, "steps": 9, "rate": 0.0, "seconds_left": 0.0},
        {"step": 2, "steps": 9, "rate": 2.0, "seconds_left": 3.5},
    ]
    shown = []

    def look() -> None:
        for step in steps:
            with (folder / "events.jsonl").open("a", encoding="utf-8") as file:
                file.write(json.dumps({"time": time.time(), **step, "event": "step"}) + "\n")
            shown.append(QueueView(bench.queue).look().entries[1].get("left"))
        (bench.root / "go-1").touch()

    list(while_it_trains(bench, look, never))
    assert shown == [2.0, None, 3.5]


def flag(bench: Bench, name: str, on: bool = True) -> None:
    with bench.queue.locked() as connection:
        bench.queue.set_flag(connection, "gpu", name, on=on)
