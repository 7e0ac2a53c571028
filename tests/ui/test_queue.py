"""The queue's API: what a browser may ask and do, with the fake engine's runs."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from execution.conftest import Bench
from execution.fake_engine import FakeEngine, make_version
from starlette.testclient import TestClient

from train_tools.engines import registry
from train_tools.execution import lane, queue_actions, queue_view
from train_tools.execution.queue import Queue
from train_tools.ui.server import application


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bench:
    monkeypatch.setitem(registry.ENGINES, "packed", FakeEngine(tmp_path))
    return Bench(tmp_path, make_version(tmp_path), Queue(tmp_path))


@pytest.fixture(autouse=True)
def started(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """Lanes that a worker was started for; none really is."""
    lanes: list[str] = []
    for module in (lane, queue_view):
        monkeypatch.setattr(module, "ensure_worker", lambda _root, name: bool(lanes.append(name)) or True)
    yield lanes


@pytest.fixture
def asked(bench: Bench) -> TestClient:
    return TestClient(application(bench.root), base_url="http://localhost:7870")


def act(asked: TestClient, action: str, *ids: Any, **more: Any) -> Any:
    answer = asked.post("/api/queue/act", json={"action": action, "ids": list(ids), **more})
    return answer.json() if answer.status_code == 200 else answer


def states(asked: TestClient) -> dict[int, str]:
    return {entry["id"]: entry["state"] for entry in asked.get("/api/queue").json()["items"]}


def test_an_unchanged_queue_costs_nothing(bench: Bench, asked: TestClient) -> None:
    bench.add(seed="1-3")
    first = asked.get("/api/queue").json()
    assert len(first["items"]) == 3
    assert asked.get("/api/queue", params={"since": first["token"]}).json() == {"token": first["token"]}
    queue_actions.pause(bench.queue, 2)
    later = asked.get("/api/queue", params={"since": first["token"]}).json()
    # The other two are told, too: their pack is smaller.
    assert [(one["state"], one["together"]["runs"] if one["together"] else 1) for one in later["items"]] == [
        ("queued", 2), ("paused", 1), ("queued", 2),
    ]  # fmt: skip
    told = {"running": 0, "waiting": 3, "failed": 0, "kinds": {}, "ended": []}
    assert asked.get("/api/queue/summary").json() == told


def test_an_empty_folder_has_an_empty_queue(tmp_path: Path) -> None:
    answer = TestClient(application(tmp_path), base_url="http://localhost:7870").get("/api/queue").json()
    assert answer["items"] == []
    assert [lane["name"] for lane in answer["head"]["lanes"]] == ["gpu"]


def test_what_a_person_does(bench: Bench, asked: TestClient, started: list[str]) -> None:
    bench.add(seed="1-4")
    assert act(asked, "pause", 1) == {"done": 1, "refused": []}
    assert act(asked, "cancel", 2, 3)["done"] == 2
    assert states(asked) == {1: "paused", 2: "cancelled", 3: "cancelled", 4: "queued"}
    started.clear()
    act(asked, "retry", 3)
    act(asked, "resume", 1)
    act(asked, "move", 4, where="first")
    assert started == ["gpu"] * 3
    assert asked.get("/api/queue").json()["order"] == [4, 1, 2, 3]
    act(asked, "move", 4, where=3)
    assert asked.get("/api/queue").json()["order"] == [1, 2, 4, 3]
    act(asked, "now", 3)
    assert asked.get("/api/queue").json()["order"][0] == 3
    act(asked, "not before", 1, when=4e9)
    assert asked.get("/api/queue").json()["items"][1]["not_before"] == 4e9
    act(asked, "not before", 1, when=None)
    assert asked.get("/api/queue").json()["items"][1]["not_before"] is None


def test_of_several_those_that_cannot_be_are_told(bench: Bench, asked: TestClient) -> None:
    bench.add(seed="1,2")
    act(asked, "cancel", 1)
    answer = act(asked, "cancel", 1, 2)
    assert answer["done"] == 1
    assert answer["refused"][0]["id"] == 1
    assert "cancelled" in answer["refused"][0]["error"]


@pytest.mark.parametrize(
    "body",
    [
        {}, {"action": "cancel"}, {"action": "cancel", "ids": []}, {"action": "cancel", "ids": ["1"]},
        {"action": "cancel", "ids": [True]}, {"action": "cancel", "ids": list(range(50))},
        {"action": "cancel", "ids": [99]}, {"action": "explode", "ids": [1]}, {"action": "move", "ids": [1]},
        {"action": "move", "ids": [1], "where": "up"}, {"action": "move", "ids": [1], "where": 77},
        {"action": "not before", "ids": [1], "when": "soon"}, {"action": "not before", "ids": [1], "when": -1},
        {"action": "edit", "ids": [1], "changes": {"seed": 5}}, {"action": "edit", "ids": [1], "changes": {"sed": "5"}},
        {"action": "edit", "ids": [1], "changes": {"seed": "1,2"}}, {"action": "resume", "ids": [1]},
    ],
)  # fmt: skip
def test_what_is_not_allowed_is_a_sentence(bench: Bench, asked: TestClient, body: dict[str, Any]) -> None:
    bench.add(seed="1,2")
    answer = asked.post("/api/queue/act", json=body)
    assert answer.status_code == 400
    assert answer.json()["error"]
    assert states(asked) == {1: "queued", 2: "queued"}


def test_a_waiting_run_is_edited(bench: Bench, asked: TestClient) -> None:
    bench.add(seed="1,2")
    fields = {field["name"]: field for field in asked.get("/api/queue/2/fields").json()}
    assert fields["seed"]["value"] == "2"
    assert not fields["seed"]["is_axis"]
    assert "train_data_dir" not in fields
    assert act(asked, "edit", 2, changes={"seed": "7"})["done"] == 1
    assert bench.entry(2).ticket.arguments["seed"] == 7


def test_a_waiting_job_is_edited_and_a_wrong_value_told_at_once(bench: Bench, asked: TestClient) -> None:
    queue_actions.add_job(
        bench.queue, bench.version, "caption", {"captioner": "filename"}, queue_actions.Conditions()
    )
    fields = {field["name"]: field for field in asked.get("/api/queue/1/fields").json()}
    assert fields["captioner"]["value"] == "filename"
    assert act(asked, "edit", 1, changes={"prefix": "zorb"})["done"] == 1
    assert bench.entry(1).ticket.settings == {"captioner": "filename", "prefix": "zorb"}
    assert act(asked, "edit", 1, changes={"captioner": "nobody"}).status_code == 400


def test_flags_of_a_lane(bench: Bench, asked: TestClient, started: list[str]) -> None:
    bench.add(seed="1")
    for flag, key in (
        ("paused", "paused"),
        ("stop after", "stop_after"),
        ("shut down when done", "shut_down"),
    ):
        asked.post("/api/queue/lane", json={"lane": "gpu", "flag": flag, "on": True})
        assert asked.get("/api/queue").json()["head"]["lanes"][0][key]
        asked.post("/api/queue/lane", json={"lane": "gpu", "flag": flag, "on": False})
        assert not asked.get("/api/queue").json()["head"]["lanes"][0][key]
    assert "gpu" in started
    assert asked.post("/api/queue/lane", json={"lane": "gpu", "flag": "x", "on": True}).status_code == 400


def test_one_entrys_past_and_log(bench: Bench, asked: TestClient) -> None:
    bench.add(seed="1", training_comment="says failed")
    bench.work()
    detail = asked.get("/api/queue/1").json()
    assert [event["event"] for event in detail["events"]][-1] == "failed"
    assert detail["points"][-1] == [12, 0.5]
    log = asked.get("/api/queue/1/log").json()
    assert "fake engine on 1 runs" in log["text"]
    assert asked.get("/api/queue/1/log", params={"start": log["end"]}).json()["text"] == ""
    assert asked.get("/api/queue/watched", params={"ids": "1"}).json()["1"]["points"] == detail["points"]
    assert asked.post("/api/queue/clear", json={"lane": "gpu"}).json() == {"cleared": 1}
    assert states(asked) == {}


@pytest.mark.parametrize(
    "path", ["9", "x", "9/log", "1/log?start=x", "watched?ids=a", "worker-log?lane=../../x", "9/fields"]
)
def test_what_is_not_there_is_a_sentence(bench: Bench, asked: TestClient, path: str) -> None:
    bench.add(seed="1")
    answer = asked.get(f"/api/queue/{path}")
    assert answer.status_code == 400
    assert answer.json()["error"]


def test_a_thousand_entries_are_answered_for(
    bench: Bench, asked: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", lambda _file: None)  # only to have them here soon
        bench.add(seed="1-250", network_dim="4,8,16,32")

    def answered(method: str, path: str, **more: Any) -> Any:
        answer = asked.request(method, path, **more)
        assert answer.status_code == 200
        return answer.json()

    token = answered("GET", "/api/queue")["token"]
    answered("GET", "/api/queue", params={"since": token})
    answered("GET", "/api/queue/summary")
    answered("POST", "/api/queue/act", json={"action": "move", "ids": [900], "where": 3})
    answered("POST", "/api/queue/act", json={"action": "cancel", "ids": list(range(500, 520))})
    answered("POST", "/api/queue/act", json={"action": "now", "ids": [700]})
    answered("POST", "/api/queue/clear", json={"lane": "gpu"})
    assert len(states(asked)) == 980


def test_a_failure_comes_with_what_helps(bench: Bench, asked: TestClient) -> None:
    bench.add(seed="1", training_comment="starving")
    bench.work()
    assert "out of memory" in bench.entry(1).record.error  # type: ignore[union-attr, operator]
    english = asked.get("/api/queue/1/remedies").json()[0]
    assert "train_batch_size" in english["do"]
    chinese = asked.get("/api/queue/1/remedies", headers={"Accept-Language": "zh-CN"}).json()[0]
    assert chinese["means"] == "显存不足"
    assert {"kind": "training", "what": "train_batch_size=1"}.items() <= english["offers"][1].items()
    assert english["offers"][1]["command"].endswith("training.train_batch_size=1")
