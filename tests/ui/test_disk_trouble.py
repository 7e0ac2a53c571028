"""Every route that changes something, over a disk that can't be written: a sentence, and nothing is lost."""

from __future__ import annotations

import shutil
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from disk_trouble import NUMBERS, contents, full_root, no_writing
from starlette.routing import Route
from starlette.testclient import TestClient

from train_tools.compare.checkpoints import find_checkpoints
from train_tools.execution import lane
from train_tools.small_models import base_model_file
from train_tools.ui.server import application
from train_tools.workspace.workspace import Workspace

if sys.platform == "win32":
    pytest.skip("the injection knows Linux's and macOS's ways", allow_module_level=True)

P, V = "/api/projects/zorb", "/api/v/zorb/v1"
FILTER: dict[str, Any] = {}
EDIT = {"kind": "add", "tags": "sky"}
Body = dict[str, Any] | Callable[[TestClient], dict[str, Any]]


def _digest(page: TestClient) -> dict[str, Any]:
    asked = {"filter": FILTER, "edit": EDIT}
    return {
        **asked,
        "digest": ended(page, page.post(f"{V}/captions/preview", json=asked))["result"]["digest"],
    }


def _identity(page: TestClient) -> dict[str, Any]:
    changes = {"max_train_epochs": "2", "pretrained_model_name_or_path": str(base_model_file())}
    asked = {"changes": changes, "page": "x", "toy": True}
    return {**asked, "identity": ended(page, page.post(f"{V}/plan", json=asked))["result"]["identity"]}


def _checkpoint(page: TestClient) -> str:
    return find_checkpoints(Workspace(page.app.state.root).version("zorb", "v1"))[0].id  # type: ignore[attr-defined]


# Each route -> its address and what is sent. A text as body is a file's.
WRITING: dict[str, tuple[str, Body | bytes]] = {
    "POST /api/projects": ("/api/projects", {"name": "new"}),
    "POST /api/projects/{project}/rename": (f"{P}/rename", {"name": "other"}),
    "POST /api/projects/{project}/clone": (f"{P}/clone", {"name": "other"}),
    "POST /api/projects/{project}/delete": (f"{P}/delete", {}),
    "POST /api/projects/{project}/versions": (f"{P}/versions", {"name": "v2"}),
    "POST /api/v/{project}/{version}/rename": (f"{V}/rename", {"name": "v2"}),
    "POST /api/v/{project}/{version}/clone": (f"{V}/clone", {"name": "v2"}),
    "POST /api/v/{project}/{version}/delete": (f"{V}/delete", {}),
    "POST /api/trash/restore": ("/api/trash/restore", {"entry": "gone"}),
    "POST /api/projects/{project}/export": (f"{P}/export", {}),
    "POST /api/v/{project}/{version}/export": (f"{V}/export", {}),
    "PUT /api/import": ("/api/import?file=all.zip&name=other", b"zip"),
    "POST /api/v/{project}/{version}/data/process": (f"{V}/data/process", {}),
    "POST /api/v/{project}/{version}/data/restore": (f"{V}/data/restore", {"revision": "1"}),
    "POST /api/v/{project}/{version}/data/regularise": (f"{V}/data/regularise", {"concept": ""}),
    "PUT /api/v/{project}/{version}/data/uploads/{batch}": (f"{V}/data/uploads/b1?path=a.png", b"png"),
    "POST /api/v/{project}/{version}/data/originals/delete": (f"{V}/data/originals/delete", {"names": ["a.png"]}),
    "POST /api/v/{project}/{version}/data/originals/move": (
        f"{V}/data/originals/move", {"names": ["a.png"], "concept": "other"},
    ),
    "POST /api/v/{project}/{version}/data/settings": (f"{V}/data/settings", {"changes": {"repeats": "7"}}),
    "POST /api/v/{project}/{version}/data/by-hand/crop": (
        f"{V}/data/by-hand/crop", {"name": "a.png", "box": [0.1, 0.1, 0.9, 0.9]},
    ),
    "PUT /api/v/{project}/{version}/data/by-hand/mask": (f"{V}/data/by-hand/mask?name=a.png", b"png"),
    "PUT /api/tags/lists": ("/api/tags/lists?name=mine.csv", b"csv"),
    "POST /api/demo": ("/api/demo", {}),
    "POST /api/v/{project}/{version}/captions/save": (
        f"{V}/captions/save",
        {"name": "3_zorb/00001-0-a.txt", "before": "dot, red, red, circle\n", "after": "sky\n"},
    ),
    "POST /api/v/{project}/{version}/captions/apply": (f"{V}/captions/apply", _digest),
    "POST /api/v/{project}/{version}/captions/undo": (f"{V}/captions/undo", {}),
    "POST /api/v/{project}/{version}/captions/redo": (f"{V}/captions/redo", {}),
    "POST /api/v/{project}/{version}/captions/job": (f"{V}/captions/job", {"settings": {"captioner": "filename"}}),
    "POST /api/v/{project}/{version}/plan/settings": (
        f"{V}/plan/settings", {"changes": {"seed": "9"}, "seen": {"seed": "7"}},
    ),
    "POST /api/v/{project}/{version}/plan/start": (f"{V}/plan/start", _identity),
    "POST /api/v/{project}/{version}/presets": (f"{V}/presets", {"name": "mine", "values": {"seed": "3"}}),
    "POST /api/presets/delete": ("/api/presets/delete", {"name": "kept"}),
    "PUT /api/v/{project}/{version}/plan/import": (f"{V}/plan/import?name=sd.toml", b"toml"),
    "POST /api/queue/act": ("/api/queue/act", {"action": "cancel", "ids": [1]}),
    "POST /api/v/{project}/{version}/queue/more": (f"{V}/queue/more", {"runs": ["run"], "epochs": 1}),
    "POST /api/queue/lane": ("/api/queue/lane", {"lane": "x", "flag": "paused", "on": False}),
    "POST /api/queue/clear": ("/api/queue/clear", {"lane": "x"}),
    "POST /api/v/{project}/{version}/compare/mark": (
        f"{V}/compare/mark", lambda page: {"kind": "checkpoint", "id": _checkpoint(page), "mark": "star"},
    ),
    "POST /api/v/{project}/{version}/compare/vote": (
        f"{V}/compare/vote", {"a": "zorb-run-000001", "b": "zorb-run", "outcome": "a"},
    ),
    "POST /api/v/{project}/{version}/compare/score": (f"{V}/compare/score", {}),
    "POST /api/v/{project}/{version}/compare/tensorboard": (f"{V}/compare/tensorboard", {}),
    "POST /api/v/{project}/{version}/previews/render": (f"{V}/previews/render", {"settings": {"steps": "9"}}),
    "POST /api/v/{project}/{version}/compare/runs/duplicate": (
        f"{V}/compare/runs/duplicate", lambda page: {"runs": [_checkpoint(page).partition("/")[0]]},
    ),
    "POST /api/v/{project}/{version}/previews/settings": (f"{V}/previews/settings", {"settings": {"steps": "9"}}),
    "POST /api/v/{project}/{version}/previews/automatic": (f"{V}/previews/automatic", {"automatic": "batch"}),
    "POST /api/v/{project}/{version}/publish": (
        f"{V}/publish",
        lambda page: {
            "folder": str(page.app.state.root), "checkpoint": _checkpoint(page), "name": "mine",  # type: ignore[attr-defined]
        },
    ),
    "POST /api/models/folders": (
        "/api/models/folders", lambda page: {"folder": str(page.app.state.root)},  # type: ignore[attr-defined]
    ),
    "POST /api/v/{project}/{version}/models/download": (f"{V}/models/download", {"source": "a/b:c.safetensors"}),
    "POST /api/tools/program": ("/api/tools/program", {"name": "offline", "text": "true"}),
}  # fmt: skip
# They only look, or have nothing to change in this root.
READING = {
    "POST /api/exports/delete", "POST /api/v/{project}/{version}/data/jobs/cancel",
    "POST /api/v/{project}/{version}/data/jobs/retry", "POST /api/v/{project}/{version}/data/uploads/{batch}/take",
    "POST /api/v/{project}/{version}/data/uploads/{batch}/discard",
    "POST /api/v/{project}/{version}/data/uploads/{batch}/proposal",
    "POST /api/v/{project}/{version}/data/originals/undo", "POST /api/v/{project}/{version}/data/preview",
    "POST /api/v/{project}/{version}/captions/find", "POST /api/v/{project}/{version}/captions/preview",
    "POST /api/v/{project}/{version}/plan", "POST /api/v/{project}/{version}/plan/run",
    "POST /api/v/{project}/{version}/plan/pictures",
    "POST /api/v/{project}/{version}/plan/paste", "POST /api/v/{project}/{version}/plan/import_lora",
    "POST /api/v/{project}/{version}/compare/vote/undo", "POST /api/v/{project}/{version}/compare/plan",
    "POST /api/v/{project}/{version}/previews/count", "POST /api/tools/lora", "POST /api/tools/explain",
    "POST /api/tools/thumbnails/clear", "POST /api/models/look", "POST /api/demo/cancel",
    "POST /api/v/{project}/{version}/data/by-hand/no-mask", "POST /api/v/{project}/{version}/data/by-hand/undo",
    "POST /api/v/{project}/{version}/data/by-hand/redo", "POST /api/tags/lists/take", "POST /api/tags/lists/remove",
    "POST /api/v/{project}/{version}/tags/look", "POST /api/v/{project}/{version}/captions/server/look",
    "POST /api/v/{project}/{version}/captions/server/try",
    "POST /api/messages/save", "POST /api/messages/remove",  # they lie in the user's own folder
    "POST /api/messages/try",
    "POST /api/v/{project}/{version}/captions/captioner/offer",
    "POST /api/tools/environment/{action}",  # it changes the environment that the tests run in
}  # fmt: skip


def ended(page: TestClient, answer: Any) -> Any:
    """The answer, or that of the task that it names."""
    found = answer.json()
    while isinstance(found, dict) and found.get("state") == "running" and "task" in found:
        time.sleep(0.02)
        found = page.get(f"/api/tasks/{found['task']}").json()
    return found


def test_no_route_is_forgotten(tmp_path: Path) -> None:
    routes = [route for route in application(tmp_path).routes if isinstance(route, Route)]
    assert {route.name for route in routes if "GET" not in (route.methods or ())} == WRITING.keys() | READING


@pytest.mark.parametrize("trouble", NUMBERS)
def test_a_sentence_and_nothing_is_lost(
    trouble: str, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lane, "COMMAND", (sys.executable, "-c", "pass"))
    base = tmp_path_factory.mktemp("made")
    made = full_root(base)
    (base / "tags.csv").write_text("sky,0,5,\n", "utf-8")
    files = {
        b"zip": base / "all.zip", b"png": base / "b.png", b"toml": base / "sd.toml", b"csv": base / "tags.csv",
    }  # fmt: skip
    faults = []
    for name, (address, given) in WRITING.items():
        root = tmp_path / str(len(list(tmp_path.iterdir())))
        shutil.copytree(made, root)
        page = TestClient(application(root), base_url="http://localhost:7870", raise_server_exceptions=False)
        body = given(page) if callable(given) else given
        before = contents(root)
        with no_writing(trouble, root):
            if isinstance(body, bytes):
                answer = page.put(address, content=files[body].read_bytes())
            else:
                answer = page.post(address, json=body)
            found = ended(page, answer)
        error = found.get("error", "") if isinstance(found, dict) else ""
        if not error or "Something went wrong" in error or answer.status_code not in (200, 400, 409):
            faults.append(f"{name}: {answer.status_code} {found}")
        after = contents(root)
        if lost := [path for path, data in before.items() if after.get(path) != data]:
            faults.append(f"{name} changed {lost}")
    assert faults == []


def test_it_is_said_in_the_pages_language(tmp_path: Path) -> None:
    page = TestClient(application(tmp_path), base_url="http://localhost:7870")
    with no_writing("full", tmp_path):
        answer = page.post("/api/projects", json={"name": "猫"}, headers={"Accept-Language": "zh-CN"})
    assert answer.status_code == 400
    assert answer.json()["error"].endswith("磁盘已满；请清理空间（回收站和旧版本占用较多），然后重试")
