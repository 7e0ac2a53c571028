"""Every part of the page answers in a workspace of many projects; benchmarks/page.py says how fast."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from PIL import Image
from starlette.testclient import TestClient

from train_tools.ui.server import application
from train_tools.workspace.workspace import Workspace

V = "/api/v/p 7/v1"
ASKED = (
    "/api/session", "/api/texts", "/api/projects", "/api/arguments", "/api/presets", "/api/models", "/api/trash",
    "/api/exports", "/api/queue/summary", "/api/tools/environment", "/api/tools/program", "/api/tools/disk",
    "/api/tools/about", f"{V}/plan/settings",
)  # fmt: skip
SENT = (
    (
        f"{V}/plan",
        {"page": "a", "changes": {"network_dim": "1-50", "seed": "1-50", "max_train_epochs": "1"}},
    ),
    (f"{V}/plan/settings", {"changes": {"network_dim": "8"}, "seen": {}}),
    (f"{V}/plan/paste", {"text": "--network_dim=4 --learning_rate=1e-4"}),
    (f"{V}/clone", {"name": "v3"}),
    ("/api/v/p 6/v1/export", {}),
    ("/api/projects/p 9/rename", {"name": "p nine"}),
    ("/api/projects/p 8/delete", {}),
)


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> TestClient:
    root: Path = tmp_path_factory.mktemp("many")
    workspace = Workspace(root)
    for number in range(80):
        workspace.create_project(f"p {number}")
        for name in ("v1", "v2"):
            workspace.create_version(f"p {number}", name)
    folder = workspace.version("p 7", "v1").processed / "1_x"
    folder.mkdir(parents=True)
    for number in range(200):
        Image.new("RGB", (64, 64), (number, 0, 0)).save(folder / f"{number}.png")
    return TestClient(application(root), base_url="http://localhost:7870")


@pytest.mark.parametrize("path", ASKED)
def test_what_is_asked_for_comes(page: TestClient, path: str) -> None:
    answer = page.get(path)
    assert answer.status_code == 200
    assert answer.headers["Server-Timing"].startswith("handler;dur=")


@pytest.mark.parametrize(("path", "body"), SENT)
def test_what_is_sent_is_done(page: TestClient, path: str, body: dict[str, object]) -> None:
    answer = page.post(path, json=body)
    assert answer.status_code == 200
    while answer.json().get("state") == "running":
        time.sleep(0.05)
        answer = page.get(f"/api/tasks/{answer.json()['task']}")
    assert answer.json().get("state") != "failed"
