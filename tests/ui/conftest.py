"""The page server over a root folder of its own, asked without a network."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from train_tools.ui.server import application
from train_tools.workspace.workspace import Version, Workspace


@pytest.fixture
def version(tmp_path: Path) -> Version:
    workspace = Workspace(tmp_path)
    workspace.create_project("猫 cat")
    return workspace.create_version("猫 cat", "v1")


@pytest.fixture
def page(tmp_path: Path) -> TestClient:
    return TestClient(application(tmp_path), base_url="http://localhost:7870")


def result(page: TestClient, answer: Any) -> Any:
    """What a task of the page server comes to, which may take a while."""
    found = answer.json()
    deadline = time.monotonic() + 120
    while found.get("state") == "running" and time.monotonic() < deadline:
        time.sleep(0.05)
        found = page.get(f"/api/tasks/{found['task']}").json()
    assert found.get("state") == "done", found
    return found["result"]
