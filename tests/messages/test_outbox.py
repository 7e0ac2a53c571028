"""A worker's messages: sent while it goes on, tried again, told where they can't be delivered."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from execution.conftest import Bench
from execution.fake_engine import FakeEngine, make_version
from messages.conftest import Service, add

from train_tools.engines import registry
from train_tools.execution import queue_actions, supervise
from train_tools.execution.queue import Queue
from train_tools.messages.channels import Message
from train_tools.messages.outbox import ENDED, FAILED, Outbox

SOON = (0.05, 0.05, 0.05)


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bench:
    monkeypatch.setitem(registry.ENGINES, "packed", FakeEngine(tmp_path))
    monkeypatch.setattr(supervise, "POLL_S", 0.02)
    return Bench(tmp_path, make_version(tmp_path), Queue(tmp_path))


def box(root: Path, said: list[str] | None = None) -> Outbox:
    return Outbox(root, (said if said is not None else []).append, SOON)


def told(root: Path, text: str = "done") -> dict[str, Message]:
    return {"en": Message("Title", text), "zh": Message("标题", text)}


def work(bench: Bench) -> None:
    worker = bench.worker()
    worker.run()
    assert worker.messages.wait(20)


def test_the_end_of_a_batch_is_told_in_everybodys_language(bench: Bench, service: Service) -> None:
    add(bench.root, kind="json", address=f"{service.url}/en")
    add(bench.root, kind="discord", address=f"{service.url}/zh", language="zh")
    bench.add(seed="1,2")
    bench.add(seed="3", training_comment="says failed")
    work(bench)
    of_json = [body for path, _, body in service.got if path == "/en"]
    assert [(body["event"], body["finished"], body["failed"]) for body in of_json] == [
        ("ended", 2, 0),
        ("ended", 0, 1),
    ]
    assert of_json[0]["title"] == "Training has ended: p / v1"
    assert "2 finished" in of_json[0]["text"]
    assert "the loss is nan at step 5" in of_json[1]["text"]
    assert of_json[1]["failures"][0]["error"] == "the loss is nan at step 5"
    assert any("训练已结束：p / v1" in body["content"] for path, _, body in service.got if path == "/zh")
    queue_actions.retry(bench.queue, 3)
    service.got.clear()
    work(bench)
    assert [path for path, _, _ in service.got] == ["/en", "/zh"]  # once more, as it ended once more


def test_a_failure_is_told_at_once_while_others_wait(bench: Bench, service: Service) -> None:
    add(bench.root, kind="json", address=f"{service.url}/both")
    add(bench.root, kind="json", address=f"{service.url}/failures", ended=False)
    add(bench.root, kind="json", address=f"{service.url}/ends", failed=False)
    bench.add(seed="1-3", training_comment="says failed", pack_size="1")
    work(bench)
    assert "Seed 1: the loss is nan at step 5" in service.got[0][2]["text"]
    assert service.got[0][2]["failures"] == [{"run": "seed 1", "error": "the loss is nan at step 5"}]
    got = [(path, body["event"], body["failed"], body["left"]) for path, _, body in service.got]
    assert sorted(got) == [
        ("/both", "ended", 3, 0), ("/both", "failed", 1, 2), ("/ends", "ended", 3, 0), ("/failures", "failed", 1, 2),
    ]  # fmt: skip


def test_a_message_is_tried_again_and_the_queue_does_not_wait(bench: Bench, service: Service) -> None:
    add(bench.root, kind="json", address=f"{service.url}/x")
    service.answers = [(503, None), (500, {}), (200, {})]
    said: list[str] = []
    outbox = box(bench.root, said)
    before = time.monotonic()
    outbox.add(ENDED, "ended-1", told(bench.root))
    outbox.add(ENDED, "ended-1", told(bench.root))  # by another worker: once is enough
    assert time.monotonic() - before < 5
    assert outbox.wait(20)
    assert len(service.got) == 3
    assert len(said) == 2
    assert outbox.trouble() == {}


def test_what_cannot_be_delivered_is_told_beside_its_place(bench: Bench, service: Service) -> None:
    channel = add(bench.root, kind="json", address=f"{service.url}/x")
    outbox = box(bench.root)
    service.answers = [(503, None)] * 4
    outbox.add(ENDED, "ended-1", told(bench.root))
    assert outbox.wait(20)
    assert len(service.got) == 4
    assert "refused the message (503" in outbox.trouble()[channel.id]["error"]
    outbox.add(FAILED, "failed-1", told(bench.root))
    assert outbox.wait(20)
    assert outbox.trouble() == {}  # it came: nothing is wrong any more


def test_what_a_worker_left_is_sent_by_the_next(bench: Bench, service: Service) -> None:
    add(bench.root, kind="json", address=f"{service.url}/x")
    service.answers = [(503, None)]
    killed = Outbox(bench.root, lambda _text: None, (3600.0,))
    killed.add(ENDED, "ended-1", told(bench.root))
    assert not killed.wait(0.5)
    (file,) = (bench.root / "train_tools" / "outbox").glob("*.json")
    file.write_text(file.read_text().replace('"next": ', '"next": 0.0, "then": '))  # an hour later
    outbox = box(bench.root)
    outbox.work()
    assert outbox.wait(20)
    assert [path for path, _, _ in service.got] == ["/x", "/x"]
    assert not file.exists()


def test_without_a_place_nothing_is_written(bench: Bench) -> None:
    bench.add(seed="1")
    work(bench)
    assert not (bench.root / "train_tools" / "outbox").exists()
