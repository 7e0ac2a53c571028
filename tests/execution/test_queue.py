from __future__ import annotations

import contextlib
import json
import shutil
import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from execution.conftest import Bench
from execution.fake_engine import settings

from train_tools.errors import TrainToolsError, UsageError
from train_tools.execution import queue_actions, queue_edit
from train_tools.execution.queue import Queue
from train_tools.execution.run_record import prepare
from train_tools.execution.ticket import Ticket
from train_tools.planning.plan import make_plan
from train_tools.workspace import toml
from train_tools.workspace.run_folder import read_record
from train_tools.workspace.swap import begin


def order(bench: Bench) -> list[int]:
    return [entry.id for entry in bench.queue.entries()]


def database(bench: Bench) -> Path:
    return bench.root / "train_tools" / "queue.sqlite3"


def test_what_is_added_waits_in_order_and_survives_the_process(bench: Bench) -> None:
    assert bench.add(seed="1,2") == [1, 2]
    assert bench.add(seed="3") == [3]
    entries = Queue(bench.root).entries()
    assert [(e.id, e.state, e.project, e.version) for e in entries] == [
        (number, "queued", "p", "v1") for number in (1, 2, 3)
    ]
    assert all((e.folder / "run.toml").is_file() for e in entries)


def test_what_waits_is_neither_queued_twice_nor_trained_beside_the_queue(bench: Bench) -> None:
    bench.add(seed="1")
    assert bench.add(seed="1,2") == [2]
    plan = make_plan(bench.version, settings(bench.root, seed="1"))
    assert not plan.runs_to_train
    with pytest.raises(TrainToolsError, match="waits in the queue"):
        prepare(bench.version.trains / plan.runs[0].name, plan.runs[0])


def test_entries_move(bench: Bench) -> None:
    bench.add(seed="1-4")
    queue_actions.move(bench.queue, 3, "first")
    assert order(bench) == [3, 1, 2, 4]
    queue_actions.move(bench.queue, 1, "last")
    assert order(bench) == [3, 2, 4, 1]
    queue_actions.move(bench.queue, 1, 4)
    assert order(bench) == [3, 2, 1, 4]
    with pytest.raises(UsageError, match="entry 9 isn't in the same lane"):
        queue_actions.move(bench.queue, 1, 9)
    with pytest.raises(UsageError, match="there is no queue entry 9"):
        queue_actions.move(bench.queue, 9, "first")


def test_cancel_and_retry_what_waits(bench: Bench) -> None:
    bench.add(seed="1,2")
    queue_actions.cancel(bench.queue, 1)
    assert bench.states() == {1: "cancelled", 2: "queued"}
    with pytest.raises(UsageError, match="entry 1 is cancelled: nothing to cancel"):
        queue_actions.cancel(bench.queue, 1)
    with pytest.raises(UsageError, match="entry 2 is queued: nothing to retry"):
        queue_actions.retry(bench.queue, 2)
    queue_actions.retry(bench.queue, 1)
    assert bench.states() == {1: "queued", 2: "queued"}


def test_pause_and_resume_what_waits(bench: Bench) -> None:
    bench.add(seed="1,2")
    queue_actions.pause(bench.queue, 1)
    bench.work()
    assert bench.states() == {1: "paused", 2: "finished"}
    queue_actions.resume(bench.queue, 1)
    bench.work()
    assert bench.states() == {1: "finished", 2: "finished"}


def test_an_edited_run_is_another_in_the_same_place(bench: Bench) -> None:
    bench.add(seed="1-3", training_comment="a comment; another")
    old = bench.entry(2)
    ticket = queue_edit.edit(bench.queue, 2, {"learning_rate": "5e-4", "network_dim": "4"})
    new = bench.entry(2)
    assert order(bench) == [1, 2, 3, 4, 5, 6]
    assert new.folder != old.folder
    assert not old.folder.exists()
    arguments = toml.load(new.folder / "run.toml")
    expected = dict(old.ticket.arguments)
    expected |= {"learning_rate": 5e-4, "network_dim": 4}
    for name in queue_edit.PLACED:
        expected[name] = arguments[name]
    assert arguments == dict(ticket.arguments) == expected
    assert new.record is not None
    assert arguments["output_name"] == new.record.output_name != old.ticket.arguments["output_name"]
    for changes, words in (
        ({"learning_rate": "fast"}, "learning_rate can't be fast"),
        ({"learning_rate": "1e-4,2e-4"}, "means 2 run"),
        ({}, r"means 1 run\(s\) \(queued\)"),
    ):
        with pytest.raises(UsageError, match=words):
            queue_edit.edit(bench.queue, 2, changes)
    assert bench.entry(2).folder == new.folder


def test_what_was_trained_in_part_isnt_edited(bench: Bench) -> None:
    bench.add(training_comment="falls once")
    (bench.entry(1).folder / "events.jsonl").write_text("")
    with pytest.raises(UsageError, match="trained in part"):
        queue_edit.edit(bench.queue, 1, {"seed": "7"})


def test_a_job_is_queued_with_its_settings(bench: Bench) -> None:
    ticket = queue_actions.add_job(
        bench.queue, bench.version, "preview", {"steps": "5"}, queue_actions.Conditions()
    )
    queue_edit.edit(bench.queue, ticket.id, {"steps": "6"})
    entry = bench.entry(ticket.id)
    assert (entry.state, entry.ticket.kind, dict(entry.ticket.settings)) == (
        "queued",
        "preview",
        {"steps": "6"},
    )
    assert entry.folder.parent == bench.version.folder / "jobs"


def test_clear_takes_off_what_ended_and_keeps_its_folder(bench: Bench) -> None:
    bench.add(seed="1,2")
    folder = bench.entry(1).folder
    queue_actions.cancel(bench.queue, 1)
    assert queue_actions.clear(bench.queue, "gpu") == 1
    assert order(bench) == [2]
    assert read_record(folder) is not None
    database(bench).unlink()
    assert order(bench) == [2]


def lose(path: Path) -> None:
    for file in path.parent.glob("queue.sqlite3*"):
        file.unlink()


def overwrite(path: Path) -> None:
    path.write_bytes(b"nonsense" * 1000)


def cut_off(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:5000])


def tear(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[4096:] = b"\xff" * (len(data) - 4096)
    path.write_bytes(data)


def drop_table(path: Path) -> None:
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.execute("DROP TABLE entries")


@pytest.mark.parametrize("damage", [lose, overwrite, cut_off, tear, drop_table])
def test_a_lost_or_damaged_database_is_made_anew_from_the_folders(
    bench: Bench, damage: Callable[[Path], None]
) -> None:
    bench.add(seed="1-4")
    queue_actions.add_job(bench.queue, bench.version, "caption", {}, queue_actions.Conditions())
    queue_actions.move(bench.queue, 4, "first")
    queue_actions.pause(bench.queue, 2)
    queue_actions.not_before(bench.queue, 3, 4e9)
    before = [(e.id, e.state, e.not_before, e.folder) for e in bench.queue.entries()]
    damage(database(bench))
    assert [(e.id, e.state, e.not_before, e.folder) for e in bench.queue.entries()] == before
    assert len(list(database(bench).parent.glob("*.damaged-*"))) == (damage is not lose)


def test_a_crash_between_folder_and_database_forgets_nothing(bench: Bench) -> None:
    bench.add(seed="1")
    with pytest.raises(RuntimeError), bench.queue.locked() as connection:
        plan = make_plan(bench.version, settings(bench.root, seed="2"))
        run = plan.runs[0]
        folder = bench.version.trains / run.name
        queue_actions._add_run(bench.queue, connection, folder, run, Ticket("train", pack_size=8))
        raise RuntimeError
    assert order(bench) == [1]
    bench.work()
    assert list(bench.states().values()) == ["finished", "finished"]


def test_a_ticket_without_a_record_is_enough(bench: Bench) -> None:
    bench.add(seed="1,2")
    for entry in bench.queue.entries():
        for name in ("run.json", "run.toml"):
            (entry.folder / name).unlink()
    assert set(bench.states().values()) == {"queued"}
    bench.work()
    assert set(bench.states().values()) == {"finished"}


def test_a_renamed_version_keeps_its_entries(bench: Bench) -> None:
    bench.add(seed="1,2")
    shutil.move(bench.version.folder, bench.version.folder.with_name("v2"))
    bench.queue.recover("gpu", lambda _slot: False)
    assert [(e.id, e.version, e.state) for e in bench.queue.entries()] == [
        (1, "v2", "queued"),
        (2, "v2", "queued"),
    ]
    bench.work()
    assert set(bench.states().values()) == {"finished"}
    assert toml.load(bench.entry(1).folder / "run.toml")["output_dir"] == str(bench.entry(1).folder)


def test_a_deleted_folder_is_said(bench: Bench) -> None:
    bench.add(seed="1,2")
    shutil.rmtree(bench.entry(1).folder)
    assert bench.states() == {1: "failed", 2: "queued"}
    assert bench.entry(1).error == "its folder was deleted"
    with pytest.raises(UsageError, match="nothing to retry"):
        queue_actions.retry(bench.queue, 1)


def test_many_processes_may_add_at_once(bench: Bench) -> None:
    plans = [make_plan(bench.version, settings(bench.root, seed=str(seed))) for seed in range(8)]

    def add(number: int) -> None:
        queue = Queue(bench.root)
        queue_actions.add_training(queue, bench.version, plans[number], queue_actions.Conditions())

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(add, range(8)))
    assert sorted(order(bench)) == list(range(1, 9))
    assert set(bench.states().values()) == {"queued"}


def test_a_half_written_ticket_is_no_entry_and_stops_nothing(bench: Bench) -> None:
    bench.add(seed="1")
    folder = begin(bench.version.trains / "x")
    (folder / "queue.json").write_text('{"kind": "tra')
    lose(database(bench))
    assert order(bench) == [1]
    assert json.loads((bench.entry(1).folder / "queue.json").read_text())["id"] == 1
