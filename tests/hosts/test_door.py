"""The door while a webui starts: what it loads, what it registers, what it leaves when scripts are loaded again."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hosts.doubles import install
from starlette.applications import Starlette
from starlette.routing import Route
from starlette.testclient import TestClient

from train_tools.hosts import bridge_file, door
from train_tools.hosts.bridge_client import find

ROOT = Path(__file__).resolve().parents[2]


def test_it_loads_nothing_that_a_webui_may_lack() -> None:
    script = "import sys, json, train_tools.hosts.door; print(json.dumps(sorted(sys.modules)))"
    answer = subprocess.run(
        [sys.executable, "-c", script],
        cwd=ROOT,
        capture_output=True,
        check=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    loaded = json.loads(answer.stdout)
    assert not {"torch", "numpy", "diffusers", "gradio", "filelock", "uvicorn"} & set(loaded)
    parts = {name.split(".")[1] for name in loaded if name.startswith("train_tools.")}
    assert parts == {"hosts", "environment", "errors", "workspace"}


class Webui:
    """Its callbacks, and the app of its page."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
        self.double = install(monkeypatch, folder=folder)
        self.root = folder / "outputs"
        self.callbacks: dict[str, list[Any]] = {}
        names = ("ui_tabs", "ui_settings", "app_started", "script_unloaded")
        registry = SimpleNamespace(
            **{f"on_{name}": self.callbacks.setdefault(name, []).append for name in names}
        )
        monkeypatch.setitem(sys.modules, "modules.script_callbacks", registry)

    def load(self) -> TestClient:
        for listed in self.callbacks.values():
            listed.clear()
        door.open_door()
        app = Starlette(routes=[Route("/{path:path}", lambda request: None)])  # takes every path
        (start,) = self.callbacks["app_started"]
        start(None, app)
        return TestClient(app, base_url="http://127.0.0.1:7860", raise_server_exceptions=False)

    def unload(self) -> None:
        (close,) = self.callbacks["script_unloaded"]
        close()


@pytest.fixture
def webui(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Webui:
    found = Webui(monkeypatch, tmp_path)
    found.double.opts.data["train_tools_environment"] = str(tmp_path / "env")
    return found


def test_it_comes_before_routes_that_take_every_path(webui: Webui) -> None:
    page = webui.load()
    assert page.get("/train_tools", follow_redirects=False).headers["location"] == "train_tools/"
    answer = page.get("/train_tools/")
    assert "needs an environment of its own" in answer.text
    assert answer.headers["cache-control"] == "no-store"
    webui.unload()


def test_without_an_environment(webui: Webui) -> None:
    page = webui.load()
    state = page.get("/train_tools/_door/environment").json()
    assert (state["state"], state["folder"]) == ("absent", str(webui.root.parent / "env"))
    answer = page.get("/train_tools/api/session")
    assert answer.status_code == 502
    assert "isn't made yet" in answer.json()["error"]
    assert page.get("/train_tools/_door/nothing").status_code == 404
    assert page.get("/train_tools/_door/state").json() == {
        "trainings": 0, "mode": "wait", "is_paused": False, "wishes_pause": False, "can_pause": False,
        "go_on_after": None,
    }  # fmt: skip
    webui.unload()


def test_the_notices_buttons(webui: Webui) -> None:
    page = webui.load()
    answer = page.post("/train_tools/_door/pause")
    assert (answer.status_code, answer.json()) == (
        400,
        {"error": "no training runs beside this webui just now"},
    )
    client = find(webui.root)
    assert client is not None
    training = {"id": "a", "state": "training", "first": 1, "last": 2, "total": 4, "percent": 12.5}
    assert client.tell(training) is False
    state = page.post("/train_tools/_door/pause").json()
    assert (state["trainings"], state["wishes_pause"], state["is_paused"]) == (1, True, False)
    assert (state["first"], state["last"], state["total"], state["percent"]) == (1, 2, 4, 12.5)
    assert client.tell({**training, "state": "paused"}) is True
    assert page.get("/train_tools/_door/state").json()["is_paused"] is True
    page.post("/train_tools/_door/go_on")
    assert client.tell({**training, "state": "paused"}) is False
    other = page.post("/train_tools/_door/pause", headers={"Sec-Fetch-Site": "cross-site"})
    assert other.status_code == 403
    webui.unload()


def test_loading_again_leaves_one_of_everything(webui: Webui) -> None:
    webui.load()
    first = bridge_file.read(webui.root)
    webui.unload()
    assert bridge_file.read(webui.root) is None
    webui.load()
    second = bridge_file.read(webui.root)
    assert first is not None
    assert second is not None
    assert first.token != second.token
    assert find(webui.root) is not None
    webui.unload()


def test_a_root_that_cant_be_written_leaves_the_tab(webui: Webui, capsys: pytest.CaptureFixture[str]) -> None:
    webui.root.write_text("a file where the folder should be")
    page = webui.load()
    assert page.get("/train_tools/").status_code == 200
    assert "can't ask this webui for its models" in capsys.readouterr().out
    webui.unload()


def test_all_of_it_is_behind_the_login(webui: Webui) -> None:
    webui.double.cmd_opts.api_auth = "bot:key"
    page = webui.load()
    for path in ("", "app.js", "_door/environment", "_door/state", "api/session"):
        assert page.get(f"/train_tools/{path}").status_code == 401, path
        assert page.get(f"/train_tools/{path}", auth=("bot", "key")).status_code in (200, 502), path
    answer = page.post(
        "/train_tools/_door/environment", auth=("bot", "key"), headers={"Sec-Fetch-Site": "cross-site"}
    )
    assert answer.status_code == 403
    webui.unload()
