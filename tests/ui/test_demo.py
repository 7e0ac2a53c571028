"""The demo by a button: it is begun in the queue, told, and cancelled."""

from __future__ import annotations

from pathlib import Path

import pytest
from starlette.testclient import TestClient

from train_tools.commands import demo_job, job
from train_tools.execution import run_record
from train_tools.execution.queue import Queue
from train_tools.execution.ticket import DEMO, LIGHT_LANE, TRAIN
from train_tools.ui.routes import demo as routes
from train_tools.workspace import settings
from train_tools.workspace.run_folder import read_record
from train_tools.workspace.workspace import Workspace


@pytest.fixture(autouse=True)
def woken(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The lanes whose workers would have been started."""
    lanes: list[str] = []
    monkeypatch.setattr(routes, "wake", lambda _queue, lane: lanes.append(lane))
    monkeypatch.setattr(demo_job, "wake", lambda _queue: lanes.append("gpu"))
    return lanes


def states(page: TestClient) -> dict[str, str]:
    found = page.get("/api/demo").json()
    return {"": found["state"], **{part["name"]: part["state"] for part in found["parts"]}}


def test_it_is_begun_once_and_cancelled(page: TestClient, tmp_path: Path, woken: list[str]) -> None:
    assert states(page)[""] == "none"
    page.post("/api/demo")
    page.post("/api/demo")
    assert [entry.ticket.kind for entry in Queue(tmp_path).entries(LIGHT_LANE)] == [DEMO]
    assert states(page) == {"": "running", "data": "running", "training": "waits", "pictures": "waits"}
    assert woken == [LIGHT_LANE]
    page.post("/api/demo/cancel")
    assert states(page)[""] == "cancelled"


def test_its_job_makes_captions_and_queues_the_grid(
    page: TestClient, tmp_path: Path, woken: list[str]
) -> None:
    """As the worker does it, with the captioner that ships: the better part of the time is torch's start."""
    page.post("/api/demo")
    (entry,) = Queue(tmp_path).entries(LIGHT_LANE)
    assert job.when_free(entry.folder, Workspace(tmp_path).version("zorb", "v1"), entry.ticket) == ""
    record = read_record(entry.folder)
    assert record is not None
    run_record.end(entry.folder, record, "finished")
    version = Workspace(tmp_path).version("zorb", "v1")
    captions = [path.read_text("utf-8") for path in version.processed.glob("*/*.txt")]
    assert len(captions) == 12
    assert all("zorb" in text for text in captions)
    queued = Queue(tmp_path).entries()
    assert [one.ticket.kind for one in queued] == [TRAIN] * 4
    assert settings.read(version)["preview"]["automatic"] == "batch"
    assert woken == [LIGHT_LANE, "gpu"]
    assert states(page) == {"": "running", "data": "done", "training": "running", "pictures": "waits"}
    page.post("/api/demo/cancel")
    assert states(page)["training"] == "cancelled"
