from __future__ import annotations

import json
import os
import shutil
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from execution.conftest import Bench
from execution.fake_engine import STEPS, FakeEngine, settings

from train_tools.engines import registry
from train_tools.engines.interface import FINISH_FILE, JOIN_FILE, LEAVE_FILE, PAUSE_FILE
from train_tools.errors import UsageError
from train_tools.execution import conclusion, queue_actions, supervise, together, worker
from train_tools.execution.lane import has_worker, lane_lock, training
from train_tools.execution.queue import PAUSED, SHUT_DOWN, STOP_AFTER, Entry
from train_tools.execution.queue_actions import Conditions
from train_tools.execution.queue_view import describe
from train_tools.execution.runs import list_runs
from train_tools.execution.states import FINISH, JOIN
from train_tools.execution.train import train
from train_tools.planning.plan import make_plan

no_sigkill = pytest.mark.skipif(os.name == "nt", reason="no SIGKILL")


def events(folder: Path, kind: str) -> list[dict[str, Any]]:
    found = []
    for line in (folder / "events.jsonl").read_text().splitlines():
        try:
            found.append(json.loads(line))
        except ValueError:
            continue
    return [event for event in found if event["event"] == kind]


def while_working(bench: Bench, do: Callable[[], None], when: Callable[[], bool]) -> None:
    """Works the queue off; `do` happens once, as soon as `when` is true."""
    thread = threading.Thread(target=bench.work)
    thread.start()
    deadline = time.monotonic() + 120
    try:
        while not when():
            assert time.monotonic() < deadline
            time.sleep(0.01)
        do()
    finally:
        thread.join(60)
    assert not thread.is_alive()


def has_stepped(bench: Bench, number: int, steps: int = 4) -> Callable[[], bool]:
    file = bench.entry(number).folder / "events.jsonl"
    return lambda: file.exists() and len(events(file.parent, "step")) >= steps


def packs(bench: Bench) -> list[int]:
    """How many runs each engine process was given, as its log says."""
    logs = {entry.folder.joinpath("train.log").stat().st_ino: entry.folder for entry in bench.queue.entries()}
    said = [line for folder in logs.values() for line in (folder / "train.log").read_text().splitlines()]
    return [int(line.split()[3]) for line in said if line.startswith("fake engine on")]


def test_consecutive_runs_that_may_share_a_pack_are_trained_together(bench: Bench) -> None:
    bench.add(seed="1-3", pack_size="4")
    bench.add(seed="4-6", pack_size="4")
    bench.work()
    assert set(bench.states().values()) == {"finished"}
    assert packs(bench) == [4, 2]
    assert (bench.root / "train_tools" / "measured.json").is_file()


def test_a_pack_holds_what_its_engine_allows_in_the_queues_order(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(registry.ENGINES, "packed", FakeEngine(bench.root, apart="network_dim"))
    bench.add(seed="1,2", network_dim="4")
    bench.add(seed="3", network_dim="8")
    bench.add(seed="4", network_dim="4")
    bench.work()
    assert packs(bench) == [2, 1, 1]


def test_a_failed_run_stops_nothing_and_is_retried_by_hand(bench: Bench) -> None:
    bench.add(training_comment="nan")
    bench.add(training_comment="well")
    bench.work()
    assert list(bench.states().values()) == ["failed", "finished"]
    assert "aren't finite" in str(bench.entry(1).error)
    assert len(events(bench.entry(1).folder, "finished")) == 1  # a wrong parameter isn't tried again
    script = bench.root / "fake_engine_script.py"
    script.write_text(script.read_text().replace('mood == "nan"', "False"))
    queue_actions.retry(bench.queue, 1)
    bench.work()
    assert list(bench.states().values()) == ["finished", "finished"]
    assert len(list((bench.entry(1).folder / "attempts" / "1").glob("*.safetensors"))) == 2


def test_when_memory_runs_out_a_smaller_pack_is_tried(bench: Bench) -> None:
    bench.add(training_comment="hungry", seed="1-4")
    bench.work()
    assert set(bench.states().values()) == {"finished"}
    (warning,) = events(bench.entry(1).folder, "warning")
    assert "out of memory" in warning["text"]
    assert warning["text"].endswith("it is tried once more with at most 2 run(s) at once")


def test_packs_are_halved_down_to_one_run_and_only_if_allowed(bench: Bench) -> None:
    bench.add(training_comment="starving", seed="1-4")
    bench.add(Conditions(may_shrink=False), training_comment="hungry", seed="1-3")
    bench.work()
    assert set(bench.states().values()) == {"failed"}
    assert [len(events(bench.entry(number).folder, "warning")) for number in (1, 5)] == [1, 0]
    assert [bench.entry(number).ticket.pack_size for number in (1, 2, 3)] == [1, 1, 1]


@no_sigkill
def test_a_killed_engine_is_started_again_from_its_state(bench: Bench) -> None:
    bench.add(training_comment="falls once")
    bench.work()
    assert bench.states() == {1: "finished"}
    folder = bench.entry(1).folder
    assert [event["step"] for event in events(folder, "resumed")] == [3]
    assert len(events(folder, "finished")) == 1
    assert not (folder / "attempts").exists()


@no_sigkill
def test_an_engine_that_always_dies_at_the_same_step_is_given_up(bench: Bench) -> None:
    bench.add(training_comment="killed")
    bench.work()
    assert bench.states() == {1: "failed"}
    assert len(list((bench.entry(1).folder / "attempts").iterdir())) == conclusion.MAX_RESTARTS


def test_a_full_disk_is_waited_out(bench: Bench) -> None:
    bench.add(training_comment="disk full once")
    bench.work()
    assert bench.states() == {1: "finished"}
    assert bench.slept == [worker.RETRY_S]
    assert "No space left" in events(bench.entry(1).folder, "warning")[0]["text"]


def test_a_run_paused_in_its_pack_is_paused_alone(bench: Bench) -> None:
    bench.add(training_comment="slow", seed="1,2")
    while_working(bench, lambda: queue_actions.pause(bench.queue, 1), has_stepped(bench, 1))
    assert bench.states() == {1: "paused", 2: "finished"}
    done = len(events(bench.entry(1).folder, "step"))
    assert 4 <= done < STEPS
    queue_actions.resume(bench.queue, 1)
    bench.work()
    assert bench.states() == {1: "finished", 2: "finished"}
    assert len(events(bench.entry(1).folder, "step")) == STEPS


def processes_of(bench: Bench, number: int) -> set[int]:
    return {event["pid"] for event in events(bench.entry(number).folder, "step")}


def let_go(bench: Bench, seed: int) -> None:
    """A run whose training_comment is `held <step>`."""
    (bench.root / f"go-{seed}").touch()


def test_one_run_of_a_pack_is_cancelled_while_the_others_go_on_in_the_same_process(bench: Bench) -> None:
    """The fake engine trains the runs of its process one after another."""
    bench.add(training_comment="held 5", seed="1,2")
    seen: list[dict[int, str]] = []

    def cancel() -> None:
        queue_actions.cancel(bench.queue, 1)
        until((bench.entry(1).folder / LEAVE_FILE).exists)
        let_go(bench, 1)
        until(lambda: bench.entry(1).state == "cancelled" and not bench.entry(1).taken)
        seen.append(bench.states())
        assert not (bench.entry(1).folder / LEAVE_FILE).exists()
        let_go(bench, 2)

    while_working(bench, cancel, has_stepped(bench, 1))
    assert seen == [{1: "cancelled", 2: "running"}]
    assert bench.states() == {1: "cancelled", 2: "finished"}
    assert processes_of(bench, 1) == processes_of(bench, 2)
    queue_actions.retry(bench.queue, 1)
    bench.work()
    assert len(events(bench.entry(1).folder, "step")) == STEPS


def finish_early(bench: Bench) -> None:
    queue_actions.finish(bench.queue, 1)
    until((bench.entry(1).folder / FINISH_FILE).exists)
    let_go(bench, 1)
    let_go(bench, 2)


def test_a_run_is_finished_after_its_epoch_and_known_as_finished(bench: Bench) -> None:
    bench.add(training_comment="held 5", seed="1,2")
    while_working(bench, lambda: finish_early(bench), has_stepped(bench, 1))
    assert bench.states() == {1: "finished", 2: "finished"}
    record = bench.entry(1).record
    assert record is not None
    assert (record.steps, record.epochs) == (STEPS // 2, 1)
    plan = make_plan(bench.version, settings(bench.root, training_comment="held 5", seed="1,2"))
    assert [run.state for run in plan.runs] == ["finished", "finished"]
    with pytest.raises(UsageError, match="is finished: nothing to finish"):
        queue_actions.finish(bench.queue, 1)


@no_sigkill
def test_a_run_is_finished_after_its_epoch_though_its_process_fell_before(bench: Bench) -> None:
    bench.add(training_comment="held 5", seed="1,2")

    def finish_and_kill() -> None:
        queue_actions.finish(bench.queue, 1)
        until((bench.entry(1).folder / FINISH_FILE).exists)
        record = bench.entry(1).record
        assert record is not None
        assert record.pid is not None
        os.kill(record.pid, signal.SIGKILL)
        let_go(bench, 1)
        let_go(bench, 2)

    while_working(bench, finish_and_kill, has_stepped(bench, 1))
    assert bench.states() == {1: "finished", 2: "finished"}
    assert [len(events(bench.entry(number).folder, "resumed")) for number in (1, 2)] == [1, 0]
    assert [event["step"] for event in events(bench.entry(1).folder, "finished")] == [STEPS // 2]


@pytest.mark.parametrize("what", ["its worker is killed", "the database is lost", "it is paused"])
def test_a_wish_to_finish_a_run_outlives(bench: Bench, what: str) -> None:
    (number,) = bench.add(training_comment="held 5", seed="1")

    def finish_and_stop() -> None:
        queue_actions.finish(bench.queue, number)
        until((bench.entry(number).folder / FINISH_FILE).exists)
        if what == "it is paused":
            queue_actions.pause(bench.queue, number)
            until(lambda: not (bench.entry(number).folder / FINISH_FILE).exists())
        else:
            flag(bench, PAUSED)
            until((bench.entry(number).folder / PAUSE_FILE).exists)
        let_go(bench, 1)

    while_working(bench, finish_and_stop, has_stepped(bench, number))
    assert len(events(bench.entry(number).folder, "step")) < STEPS // 2
    if what == "it is paused":
        queue_actions.resume(bench.queue, number)
    elif what == "the database is lost":
        (bench.root / "train_tools" / "queue.sqlite3").unlink()
    else:
        with bench.queue.locked() as connection:
            bench.queue.mark(connection, [number], taken=1, request=FINISH)
        flag(bench, PAUSED, on=False)
    assert describe(bench.entry(number))["request"] == FINISH
    bench.work()
    assert bench.states() == {number: "finished"}
    assert [event["step"] for event in events(bench.entry(number).folder, "finished")] == [STEPS // 2]
    assert describe(bench.entry(number))["request"] == ""


def test_a_failed_run_that_is_tried_again_is_finished_early_no_more(bench: Bench) -> None:
    bench.add(training_comment="held 5", seed="1")

    def finish_and_cancel() -> None:
        queue_actions.finish(bench.queue, 1)
        queue_actions.cancel(bench.queue, 1)

    while_working(bench, finish_and_cancel, has_stepped(bench, 1))
    assert bench.states() == {1: "cancelled"}
    let_go(bench, 1)
    queue_actions.retry(bench.queue, 1)
    bench.work()
    assert events(bench.entry(1).folder, "finished")[0].get("step") is None


@pytest.mark.parametrize(
    ("mood", "state"), [("brisk", "finished"), ("says failed", "failed"), ("nan", "failed")]
)
def test_a_runs_end_is_recorded_when_it_comes_not_when_its_pack_ends(
    bench: Bench, mood: str, state: str
) -> None:
    bench.add(training_comment=mood, seed="1")
    bench.add(training_comment="hang", seed="2")
    second = bench.entry(2)

    def look() -> None:
        until(lambda: bench.entry(1).state == state and not bench.entry(1).taken)
        assert bench.entry(2).state == "running"
        assert describe(bench.entry(1))["state"] == state
        assert [run.state for run in list_runs(bench.version)].count("running") == 1
        if state == "failed":
            queue_actions.retry(bench.queue, 1)  # its folder is its own again
            assert (bench.entry(1).folder / "attempts" / "1" / "events.jsonl").is_file()
            queue_actions.cancel(bench.queue, 1)
        queue_actions.cancel(bench.queue, 2)

    while_working(bench, look, (second.folder / "hanging").exists)
    assert bench.states() == {1: "cancelled" if state == "failed" else state, 2: "cancelled"}


def test_a_run_that_waits_joins_a_pack_that_has_room(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(together, "LOOK_S", 0.0)
    bench.add(training_comment="held 2", seed="1", pack_size="2")
    seen: list[str] = []

    def asks(host: int, entry: Entry) -> bool:
        file = bench.entry(host).folder / JOIN_FILE
        return (
            entry.request == JOIN and file.exists() and entry.folder.name in file.read_text(encoding="utf-8")
        )

    def add() -> None:
        bench.add(training_comment="held 2", seed="2,3", pack_size="2")
        until(lambda: asks(1, bench.entry(2)))
        seen.append(describe(bench.entry(2))["state"])
        let_go(bench, 1)
        until(lambda: asks(2, bench.entry(3)))
        let_go(bench, 2)
        let_go(bench, 3)

    while_working(bench, add, has_stepped(bench, 1, 1))
    assert seen == ["queued"]
    assert set(bench.states().values()) == {"finished"}
    assert processes_of(bench, 1) == processes_of(bench, 2) == processes_of(bench, 3)
    assert [entry.taken for entry in bench.queue.entries()] == [0, 0, 0]
    started = [entry.record.started or 0 for entry in bench.queue.entries() if entry.record]
    assert sorted(started) == started
    assert not list(bench.version.trains.glob(f"*/{JOIN_FILE}"))


@pytest.mark.parametrize(("do", "state"), [("nothing", "finished"), ("cancel", "cancelled")])
def test_who_was_asked_to_join_and_never_began_waits_on(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, do: str, state: str
) -> None:
    monkeypatch.setattr(together, "LOOK_S", 0.0)
    bench.add(training_comment=f"held {STEPS}", seed="1")  # within its last epoch

    def add() -> None:
        bench.add(training_comment="later", seed="2")
        until(lambda: bench.entry(2).request == JOIN)
        if do == "cancel":
            queue_actions.cancel(bench.queue, 2)
        let_go(bench, 1)

    while_working(bench, add, has_stepped(bench, 1, STEPS - 1))
    assert bench.states() == {1: "finished", 2: state}
    if state == "finished":
        assert processes_of(bench, 1) != processes_of(bench, 2)


def test_nobody_joins_where_another_comes_first_or_the_queue_is_to_stop(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(together, "LOOK_S", 0.0)
    monkeypatch.setitem(registry.ENGINES, "packed", FakeEngine(bench.root, apart="network_dim"))
    bench.add(training_comment="held 2", seed="1")

    def add() -> None:
        bench.add(seed="2", network_dim="4")
        bench.add(seed="3")
        let_go(bench, 1)

    while_working(bench, add, has_stepped(bench, 1, 1))
    assert set(bench.states().values()) == {"finished"}
    assert len(set.union(*(processes_of(bench, number) for number in (1, 2, 3)))) == 3
    bench.add(training_comment="held 2", seed="4")

    def stop() -> None:
        flag(bench, STOP_AFTER)
        bench.add(seed="5")
        let_go(bench, 4)

    while_working(bench, stop, has_stepped(bench, 4, 1))
    assert bench.states()[5] == "queued"


def test_a_run_that_finished_early_as_its_worker_was_killed_isnt_trained_on(bench: Bench) -> None:
    bench.add(training_comment="held 5", seed="1")
    while_working(bench, lambda: finish_early(bench), has_stepped(bench, 1))
    entry = bench.entry(1)
    record = json.loads((entry.folder / "run.json").read_text())
    record.update(state="running", pid=os.getpid(), process_started=1.0, steps=STEPS, epochs=0)
    (entry.folder / "run.json").write_text(json.dumps(record))
    bench.work()
    assert bench.states() == {1: "finished"}
    assert len(events(entry.folder, "step")) == STEPS // 2


def until(is_so: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 120
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_a_paused_queue_frees_the_engine_and_goes_on(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(registry.ENGINES, "packed", FakeEngine(bench.root, apart="seed"))
    bench.add(training_comment="slow")
    bench.add(seed="2", training_comment="later")
    while_working(bench, lambda: flag(bench, PAUSED), has_stepped(bench, 1))
    assert bench.states() == {1: "interrupted", 2: "queued"}
    bench.work()
    assert bench.states() == {1: "interrupted", 2: "queued"}
    flag(bench, PAUSED, on=False)
    bench.work()
    assert set(bench.states().values()) == {"finished"}
    assert len(events(bench.entry(1).folder, "step")) == STEPS


def flag(bench: Bench, name: str, *, on: bool = True) -> None:
    with bench.queue.locked() as connection:
        bench.queue.set_flag(connection, "gpu", name, on)


def test_cancelling_what_is_trained_ends_it_at_once(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(registry.ENGINES, "packed", FakeEngine(bench.root, apart="seed"))
    bench.add(training_comment="hang")
    bench.add(seed="2")
    hanging = bench.entry(1).folder / "hanging"
    while_working(bench, lambda: queue_actions.cancel(bench.queue, 1), hanging.exists)
    assert bench.states() == {1: "cancelled", 2: "finished"}


def test_run_now_lets_what_is_trained_go_on_after(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(registry.ENGINES, "packed", FakeEngine(bench.root, apart="seed"))
    bench.add(training_comment="slow", seed="1")
    bench.add(training_comment="later", seed="2,3")
    while_working(bench, lambda: queue_actions.run_now(bench.queue, 3), has_stepped(bench, 1))
    assert set(bench.states().values()) == {"finished"}
    ends = {number: events(bench.entry(number).folder, "finished")[0]["time"] for number in (1, 2, 3)}
    assert ends[3] < ends[1] < ends[2]
    assert len(events(bench.entry(1).folder, "step")) == STEPS


def test_stop_after_this_one(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(registry.ENGINES, "packed", FakeEngine(bench.root, apart="seed"))
    bench.add(seed="1,2")
    flag(bench, STOP_AFTER)
    bench.work()
    assert list(bench.states().values()) == ["finished", "queued"]
    flag(bench, PAUSED, on=False)
    bench.work()
    assert list(bench.states().values()) == ["finished", "finished"]


def test_an_entry_waits_for_its_time_even_if_the_clock_is_set_back(bench: Bench) -> None:
    now = [1000.0]
    bench.queue.clock = lambda: now[0]
    bench.add(Conditions(not_before=1010.0), seed="1")
    bench.add(seed="2")

    def on_sleep() -> None:
        now[0] += 5 if len(bench.slept) != 2 else -20

    bench.on_sleep = on_sleep
    bench.work()
    assert set(bench.states().values()) == {"finished"}
    assert bench.slept == [worker.IDLE_S] * 7
    first, second = (events(bench.entry(number).folder, "finished")[0]["time"] for number in (1, 2))
    assert second < first


def test_the_computer_is_shut_down_only_when_asked_and_once(bench: Bench) -> None:
    bench.add(seed="1")
    bench.work()
    assert bench.shut_downs == []
    bench.add(seed="2")
    flag(bench, SHUT_DOWN)
    bench.work()
    bench.work()
    assert bench.shut_downs == [True]


def test_a_run_that_finished_as_its_worker_was_killed_isnt_done_twice(bench: Bench) -> None:
    bench.add(seed="1")
    bench.work()
    entry = bench.entry(1)
    record = json.loads((entry.folder / "run.json").read_text())
    record.update(state="running", pid=os.getpid(), process_started=1.0)
    (entry.folder / "run.json").write_text(json.dumps(record))
    assert bench.states() == {1: "interrupted"}
    bench.work()
    assert bench.states() == {1: "finished"}
    assert len(events(entry.folder, "step")) == STEPS


def test_a_folder_deleted_while_it_is_trained_stays_deleted(bench: Bench) -> None:
    bench.add(training_comment="slow", seed="1")
    bench.add(seed="2", training_comment="later")
    folder = bench.entry(1).folder
    while_working(bench, lambda: shutil.rmtree(folder), has_stepped(bench, 1))
    assert bench.states() == {1: "failed", 2: "finished"}
    assert not folder.exists()


def test_what_is_trained_outside_of_the_queue_is_waited_for(bench: Bench) -> None:
    bench.add(seed="1", training_comment="slow")
    entry = bench.entry(1)
    record = json.loads((entry.folder / "run.json").read_text())
    record.update(state="interrupted")
    (entry.folder / "run.json").write_text(json.dumps(record))
    plan = make_plan(bench.version, {**entry_settings(bench), "seed": "1", "training_comment": "slow"})
    thread = threading.Thread(target=train, args=(bench.version, plan, lambda run, event: None))
    thread.start()
    while bench.states()[1] != "running":
        time.sleep(0.01)
    bench.on_sleep = lambda: time.sleep(0.1)
    bench.work()
    thread.join()
    assert bench.states() == {1: "finished"}
    assert len(events(entry.folder, "finished")) == 1


def entry_settings(bench: Bench) -> dict[str, str]:
    from execution.fake_engine import settings

    return settings(bench.root)


def test_an_engine_that_doesnt_pause_is_ended(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervise, "PAUSE_S", 0.1)
    bench.add(training_comment="hang")
    hanging = bench.entry(1).folder / "hanging"
    while_working(bench, lambda: queue_actions.pause(bench.queue, 1), hanging.exists)
    assert bench.states() == {1: "paused"}


def test_the_worker_waits_while_a_command_trains(bench: Bench) -> None:
    (number,) = bench.add()
    command = training(bench.root)
    assert command.__enter__()
    seen: list[str] = []

    def on_sleep() -> None:
        seen.append(bench.states()[number])
        if len(seen) == 2:
            command.__exit__(None, None, None)

    bench.on_sleep = on_sleep
    bench.work()
    assert seen[:2] == ["queued", "queued"]
    assert bench.states()[number] == "finished"


def test_a_command_doesnt_train_beside_the_worker(bench: Bench) -> None:
    plan = make_plan(bench.version, settings(bench.root))
    with training(bench.root) as is_free, pytest.raises(UsageError, match="queue add"):
        assert is_free
        train(bench.version, plan, lambda run, event: None)
    assert not any(bench.version.trains.iterdir())


def test_one_worker_a_lane(bench: Bench) -> None:
    assert not has_worker(bench.root)
    with lane_lock(bench.root, "gpu"):
        assert has_worker(bench.root)
        assert not has_worker(bench.root, "other")
        assert worker.main(["--root", str(bench.root)]) == 0
    assert not has_worker(bench.root)


def test_runs_that_dont_fit_wait_for_the_next_pack(bench: Bench) -> None:
    """The engine takes two of five; the others wait as before, and the next plan knows that two fit."""
    bench.add(training_comment="two fit", seed="1-5")
    bench.work()
    assert set(bench.states().values()) == {"finished"}
    assert packs(bench) == [5, 2, 1]
    assert not any((entry.folder / "attempts").exists() for entry in bench.queue.entries())
    assert [entry.record.attempt for entry in bench.queue.entries() if entry.record] == [1] * 5
    plan = make_plan(bench.version, settings(bench.root, training_comment="two fit", seed="11-14"))
    assert [len(pack) for pack in plan.packs] == [2, 2]
    assert "5.0 of 6.0 GB" in plan.facts[0].chosen.why


def test_a_pack_that_ran_out_of_memory_is_planned_smaller_the_next_evening(bench: Bench) -> None:
    bench.add(training_comment="hungry", seed="1-4")
    bench.work()
    plan = make_plan(bench.version, settings(bench.root, training_comment="hungry", seed="11-14"))
    assert [len(pack) for pack in plan.packs] == [2, 2]


def test_a_training_of_a_terminal_goes_on_with_what_didnt_fit(bench: Bench) -> None:
    given = settings(bench.root, training_comment="two fit", seed="1-3")
    results = train(bench.version, make_plan(bench.version, given), lambda _run, _event: None)
    assert [result.state for result in results] == ["finished"] * 3
    hungry = settings(bench.root, training_comment="hungry", seed="1-4", network_dim="8")
    results = train(bench.version, make_plan(bench.version, hungry), lambda _run, _event: None)
    assert [result.state for result in results] == ["finished"] * 4
