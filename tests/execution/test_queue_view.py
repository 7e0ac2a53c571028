"""What the page is told of the queue."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from execution.conftest import Bench
from execution.fake_engine import STEPS

from train_tools.environment import program
from train_tools.execution import lane, queue_actions
from train_tools.execution.lane import lane_lock
from train_tools.execution.log_tail import PIECE_BYTES, piece
from train_tools.execution.queue import PAUSED
from train_tools.execution.queue_view import QueueView
from train_tools.execution.run_history import MOST_POINTS, RunHistory
from train_tools.execution.varying import differing


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The lanes that a worker was started for."""
    lanes: list[str] = []
    monkeypatch.setattr(lane, "_start_worker", lambda _root, name, _slot: lanes.append(name))
    return lanes


def view_of(bench: Bench) -> QueueView:
    clock = iter(range(0, 10_000, 10))
    return QueueView(bench.queue, clock=lambda: float(next(clock)))


def test_entries_are_told_by_what_differs(bench: Bench, started: list[str]) -> None:
    bench.add(seed="1,2", network_dim="4,8")
    bench.add(seed="9")
    look = view_of(bench).look()
    assert [document["differs"] for document in look.entries.values()] == [
        *([("network_dim", dim), ("seed", seed)] for seed in ("1", "2") for dim in ("4", "8")), [],
    ]  # fmt: skip
    batches = [document["batch"] for document in look.entries.values()]
    assert len(set(batches[:4])) == 1
    assert batches[4] != batches[0]
    assert look.counts() == {"running": 0, "waiting": 5, "failed": 0}
    assert started == ["gpu"]


def test_a_look_follows_what_happens(bench: Bench, started: list[str]) -> None:
    bench.add(seed="1", training_comment="says failed")
    bench.add(seed="2")
    view = view_of(bench)
    assert [document["state"] for document in view.look().entries.values()] == ["queued", "queued"]
    bench.work()
    first, second = view.look().entries.values()
    assert (first["state"], first["error"]) == ("failed", "the loss is nan at step 5")
    assert (second["state"], second["step"], second["steps"], second["loss"]) == (
        "finished",
        STEPS,
        STEPS,
        0.5,
    )
    queue_actions.retry(bench.queue, first["id"])
    assert view.look().entries[first["id"]]["state"] == "queued"
    queue_actions.clear(bench.queue, "gpu")
    assert list(view.look().entries) == [first["id"]]


def test_only_what_changed_is_read_again(
    bench: Bench, started: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    bench.add(seed="1-5")
    view = view_of(bench)
    view.look()
    read: list[int] = []
    entry_of = bench.queue.entry_of
    monkeypatch.setattr(bench.queue, "entry_of", lambda row: read.append(row.id) or entry_of(row))
    view.look()
    assert read == []
    queue_actions.pause(bench.queue, 3)
    read.clear()
    assert view.look().entries[3]["state"] == "paused"
    assert read == [3]


def test_a_worker_is_started_only_where_there_is_work_for_it(bench: Bench, started: list[str]) -> None:
    view = view_of(bench)
    (lane,) = view.look().lanes
    assert (lane.has_worker, lane.has_work, started) == (False, False, [])
    bench.add(seed="1")
    with bench.queue.locked() as connection:
        bench.queue.set_flag(connection, "gpu", PAUSED, on=True)
    assert view.look().lanes[0].paused
    assert started == []
    with bench.queue.locked() as connection:
        bench.queue.set_flag(connection, "gpu", PAUSED, on=False)
    with lane_lock(bench.root, "gpu"):
        assert view.look().lanes[0].has_worker
    assert started == []
    assert view.look().lanes[0].was_started
    assert started == ["gpu"]


def test_with_several_gpus_it_says_which_one_trains(bench: Bench, started: list[str]) -> None:
    program.change(bench.root, {"gpus": "3,5"})
    bench.add(seed="1,2")
    with lane_lock(bench.root, "gpu", slot=1):
        look = view_of(bench).look()
    assert look.lanes[0].has_worker
    assert look.lanes[0].was_started  # that of the first slot
    assert not any("gpus" in document for document in look.entries.values())
    with bench.queue.locked() as connection:
        bench.queue.mark(connection, [2], taken=2)
    look = view_of(bench).look()
    assert [document.get("gpus") for document in look.entries.values()] == [None, "5"]


def test_equal_runs_differ_in_nothing() -> None:
    assert differing([{"seed": 1, "output_dir": "/a"}, {"seed": 1, "output_dir": "/b"}]) == [[], []]
    assert differing([{"lr": 1e-4}, {"lr": 3e-4}]) == [[("lr", "0.0001")], [("lr", "0.0003")]]
    assert differing([{"vae": "C:\\m\\a.pt"}, {}]) == [[("vae", "a.pt")], [("vae", "none")]]


def write_steps(folder: Path, steps: range, loss: float = 0.5) -> None:
    with (folder / "events.jsonl").open("a", encoding="utf-8") as file:
        for step in steps:
            file.write(json.dumps({"time": 1, "event": "step", "step": step, "average_loss": loss}) + "\n")


def test_a_long_curve_stays_thin_and_ends_with_the_latest_step(tmp_path: Path) -> None:
    history = RunHistory(tmp_path)
    assert history.read().points == []
    for start in range(1, 5001, 1250):
        write_steps(tmp_path, range(start, start + 1250))
        history.read()
    steps = [step for step, _ in history.points]
    assert len(steps) <= MOST_POINTS + 1
    assert steps == sorted(set(steps))
    assert steps[0] == 1
    assert steps[-1] == 5000


def test_a_curve_goes_on_from_where_the_run_was_resumed(tmp_path: Path) -> None:
    write_steps(tmp_path, range(1, 9), 0.5)
    write_steps(tmp_path, range(5, 7), 0.4)
    assert RunHistory(tmp_path).read().points == [(1, 0.5), (2, 0.5), (3, 0.5), (4, 0.5), (5, 0.4), (6, 0.4)]


def test_another_attempt_begins_another_curve(tmp_path: Path) -> None:
    write_steps(tmp_path, range(1, 9))
    history = RunHistory(tmp_path)
    history.read()
    (tmp_path / "events.jsonl").unlink()
    assert history.read().points == []
    write_steps(tmp_path, range(1, 20), 0.3)
    assert history.read().points[0] == (1, 0.3)


def test_what_is_not_a_loss_is_left_out(tmp_path: Path) -> None:
    write_steps(tmp_path, range(1, 2), float("nan"))
    (tmp_path / "events.jsonl").open("a").write(
        '{"event": "step", "step": "x", "average_loss": 1}\n{"event": "warning"}\n'
    )
    history = RunHistory(tmp_path).read()
    assert history.points == []
    assert [event["event"] for event in history.events] == ["warning"]


def test_a_log_comes_in_pieces(tmp_path: Path) -> None:
    path = tmp_path / "train.log"
    assert piece(path, None).size == 0
    path.write_bytes("第一行\n".encode() * 20_000)
    end = piece(path, None)
    assert end.text.startswith("第一行\n")
    assert end.end == end.size
    start = piece(path, 0)
    assert 0 < start.end <= PIECE_BYTES
    text = start.text
    while start.end < start.size:
        start = piece(path, start.end)
        text += start.text
    assert text == path.read_text("utf-8")


def test_a_character_that_is_written_in_part_waits(tmp_path: Path) -> None:
    path = tmp_path / "train.log"
    path.write_bytes(b"a" + "猫".encode()[:2])
    first = piece(path, 0)
    assert (first.text, first.end) == ("a", 1)
    path.write_bytes(b"a" + "猫".encode())
    assert piece(path, 1).text == "猫"


def test_a_shorter_log_is_another_attempts(tmp_path: Path) -> None:
    path = tmp_path / "train.log"
    path.write_text("new\n")
    assert piece(path, 500).text == "new\n"


def test_what_waits_says_with_how_many_it_will_be_trained(bench: Bench) -> None:
    bench.add(seed="1-3", pack_size="2")
    bench.add(seed="4-5", pack_size="8")
    documents = QueueView(bench.queue).look().entries.values()
    assert [document["together"] for document in documents] == [
        {"pack": 1, "packs": 2, "runs": 2}, {"pack": 1, "packs": 2, "runs": 2},
        {"pack": 2, "packs": 2, "runs": 2}, {"pack": 2, "packs": 2, "runs": 2}, None,
    ]  # fmt: skip
    bench.work()
    assert [one["together"] for one in QueueView(bench.queue).look().entries.values()] == [None] * 5
