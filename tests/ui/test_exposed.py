"""What people may not do who come over a network: they use the page, and run nothing of their own on this machine."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient
from ui.conftest import result
from workspace.samples import add_run, put

from train_tools.execution.queue import Queue
from train_tools.execution.queue_actions import Conditions, add_job
from train_tools.execution.ticket import CAPTION, DOWNLOAD, NETWORK_LANE, PREVIEW, PROCESS, SCORE
from train_tools.ui.access import Access
from train_tools.ui.server import application
from train_tools.workspace.archive import export_version
from train_tools.workspace.workspace import Version

WHY = "while the webui is open to others"


@pytest.fixture
def visitor(tmp_path: Path) -> TestClient:
    page = TestClient(application(tmp_path, Access(password="x")), base_url="http://trainer.lan:7870")
    page.auth = ("", "x")
    return page


def zipped(version: Version, tmp_path: Path, settings: str = "", *, with_runs: bool = True) -> bytes:
    put(version.settings_file, f"schema = 1\n{settings}".encode())
    put(version.origin / "a.png", b"picture")
    file = tmp_path / "v.zip"
    export_version(version, file, with_runs=with_runs, with_originals=True)
    return file.read_bytes()


@pytest.mark.parametrize(
    "settings",
    [
        '[training]\nnetwork_module = "evil"',
        '[training]\noptimizer_type = "os.system"',
        '[training]\nvae = "/etc/passwd"',
        '[training]\nsample_prompts = "/etc/passwd"',
        '[training]\noverrides = "network_dim=4 -> dataset_config=/x.toml"',
        '[captioning]\nwd_model = "someone/tagger"',
        '[captioning]\ncaptioner = ["blip", "openai"]',
        '[captioning]\nserver = "http://169.254.169.254/latest"',
        '[preview]\nbase_models = ["/x.ckpt"]',
        '[score]\nscorer = "someone/clip"',
    ],
)
def test_a_zip_brings_no_setting_that_the_page_wouldnt_take(
    visitor: TestClient, page: TestClient, version: Version, tmp_path: Path, settings: str
) -> None:
    data = zipped(version, tmp_path, settings)
    started = visitor.put("/api/import?name=w", content=data).json()
    assert WHY in ended(visitor, started)["error"]
    assert not (version.folder.parent / "w").exists()
    assert (
        result(page, page.put("/api/import?name=w", content=data))["version"] == "w"
    )  # at the machine itself


def ended(page: TestClient, started: Any) -> Any:
    while started.get("state") == "running":
        started = page.get(f"/api/tasks/{started['task']}").json()
    return started


def test_a_zip_brings_no_run(visitor: TestClient, version: Version, tmp_path: Path) -> None:
    add_run(version, "run", "finished")
    started = visitor.put("/api/import?name=w", content=zipped(version, tmp_path)).json()
    assert "a zip with runs isn't taken" in ended(visitor, started)["error"]
    (tmp_path / "v.zip").unlink()
    data = zipped(version, tmp_path, "[training]\nnetwork_dim = 4\n", with_runs=False)
    assert result(visitor, visitor.put("/api/import?name=w", content=data))["version"] == "w"


@pytest.mark.parametrize(
    ("kind", "changes"),
    [
        (PREVIEW, {"base_models": "/x.ckpt"}),
        (PREVIEW, {"vae": "/x.ckpt"}),
        (SCORE, {"scorer": "someone/clip"}),
        (CAPTION, {"wd_model": "/models"}),
        (CAPTION, {"captioner": "openai"}),
        (CAPTION, {"server": "http://10.0.0.1/v1"}),
        (DOWNLOAD, {"source": "http://10.0.0.1/x", "folder": "/etc"}),
        (PROCESS, {"anything": "/etc"}),
    ],
)
def test_a_job_that_waits_becomes_none_that_leaves_the_folders(
    visitor: TestClient, version: Version, tmp_path: Path, kind: str, changes: dict[str, str]
) -> None:
    lane = NETWORK_LANE if kind == DOWNLOAD else "gpu"
    queue = Queue(tmp_path)
    with queue.locked() as connection:
        queue.set_flag(connection, lane, "paused", on=True)
    given = {"source": "http://example.com/x", "name": "x"} if kind == DOWNLOAD else {}
    ticket = add_job(queue, version, kind, given, Conditions(lane=lane))
    body = {"action": "edit", "ids": [ticket.id], "changes": changes}
    answer = visitor.post("/api/queue/act", json=body)
    assert answer.status_code == 400
    assert WHY in answer.json()["error"] or "nothing can be changed" in answer.json()["error"]
    with queue.locked() as connection:
        assert queue.entry(connection, ticket.id).ticket.settings == given


def test_nobody_learns_what_lies_elsewhere(visitor: TestClient, tmp_path: Path) -> None:
    """Not even whether there is something."""
    there, missing = tmp_path.parent / "elsewhere.safetensors", tmp_path.parent / "missing.safetensors"
    there.write_bytes(b"x")
    said = []
    for path in (there, missing):
        answer = visitor.post("/api/models/look", json={"text": str(path)}).json()
        said.append(ended(visitor, answer)["error"].replace(path.name, ""))
        assert visitor.get("/api/presets", params={"base": str(path)}).status_code == 200
    assert said[0] == said[1]
    assert "outside of the folders" in said[0]


def test_a_lora_goes_only_to_folders_of_the_machine(
    visitor: TestClient, page: TestClient, version: Version, tmp_path: Path
) -> None:
    """A version's own record of earlier folders may have come in a zip."""
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    put(version.folder / "previews" / "published.jsonl", f'{{"folder": "{elsewhere.as_posix()}"}}\n'.encode())
    body = {"folder": str(elsewhere), "checkpoint": "x", "name": "x"}
    at = f"/api/v/{version.project}/{version.name}/publish"
    assert "open to others" in visitor.post(at, json=body).json()["error"]
    assert "open to others" not in page.post(at, json=body).json()["error"]


@pytest.mark.parametrize("lane", ["../../evil", "..", "a/b", "C:\\evil"])
def test_a_queue_is_called_like_one_file(visitor: TestClient, version: Version, lane: str) -> None:
    at = f"/api/v/{version.project}/{version.name}"
    answer = visitor.post(f"{at}/previews/settings", json={"settings": {"automatic_lane": lane}})
    assert answer.status_code == 400
    assert "lane name" in answer.json()["error"]
    body = {"identity": "", "changes": {}, "lane": lane}
    assert "lane name" in visitor.post(f"{at}/plan/start", json=body).json()["error"]


def test_visitors_leave_the_machine_some_room(
    visitor: TestClient, page: TestClient, version: Version, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = shutil.disk_usage(version.folder)
    monkeypatch.setattr(shutil, "disk_usage", lambda _folder: usage._replace(free=1 << 30))
    at = f"/api/v/{version.project}/{version.name}/data/uploads/0123456789abcdef?path=a.png"
    assert page.put(at, content=b"x").status_code == 200
    assert "the upload needs 1,073.7 MB" in visitor.put(at, content=b"x").json()["error"]
    assert visitor.put(at, content=iter([b"x"])).status_code == 411


def test_a_token_in_an_address_is_shown_to_nobody(page: TestClient, version: Version, tmp_path: Path) -> None:
    queue = Queue(tmp_path)
    with queue.locked() as connection:
        queue.set_flag(connection, NETWORK_LANE, "paused", on=True)
    address = "https://hub.example/m?type=Model&token=hidden"
    body = {"source": address, "files": [], "role": "base"}
    made = page.post(f"/api/v/{version.project}/{version.name}/models/download", json=body).json()
    for at in (f"/api/queue/{made['id']}", "/api/models/downloads", "/api/queue"):
        assert "hidden" not in page.get(at).text


@pytest.mark.parametrize("name", ["huggingface_token", "wandb_api_key"])
def test_a_secret_is_no_setting_of_a_version(page: TestClient, version: Version, name: str) -> None:
    """A version's files are copied, exported and shown to whoever sees the page."""
    body = {"changes": {name: "hf_secret"}, "seen": {}}
    saved = page.post(f"/api/v/{version.project}/{version.name}/plan/settings", json=body).json()
    assert "it is a secret" in saved["errors"][name]
    assert saved["shown"]["values"] == {}
