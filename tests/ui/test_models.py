"""Choosing models by the page's routes: what is there, the disks, what a text means, and downloads as jobs."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from environment.files_server import Files, serving
from starlette.testclient import TestClient
from ui.conftest import result

from train_tools.base_model import places
from train_tools.commands import job
from train_tools.environment import host_record
from train_tools.environment.process import ALL_PROXIES, OFFLINE
from train_tools.environment.program import change
from train_tools.execution import queue_actions
from train_tools.execution.queue import Queue
from train_tools.execution.run_record import end
from train_tools.hosts.interface import BaseModel, Folders
from train_tools.small_models import base_model_file
from train_tools.ui.access import Access
from train_tools.ui.routes import models
from train_tools.ui.server import application
from train_tools.workspace.workspace import Version

AT = "/api/v/猫 cat/v1/models/download"
DATA = b"weights" * 1000


@pytest.fixture(autouse=True)
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing of this machine's own models."""
    monkeypatch.delenv("TRAIN_TOOLS_MODELS", raising=False)
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr(host_record, "record_file", lambda: tmp_path / "host.json")
    monkeypatch.setattr(places, "near", lambda _root: [])
    monkeypatch.setattr(models, "wake", lambda _queue, _lane: True)


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Files]:
    with serving() as served:
        change(tmp_path, {"hugging_face": served.address, "github": "off", "proxy": "off"})
        for name in ("HF_ENDPOINT", "NO_PROXY", "no_proxy", *OFFLINE, *ALL_PROXIES):
            monkeypatch.setenv(name, "")
        served.content["/o/n/resolve/main/a.safetensors"] = DATA
        listing = {"siblings": [{"rfilename": "a.safetensors", "size": len(DATA)}]}
        served.content["/api/models/o/n/revision/main"] = json.dumps(listing).encode()
        yield served


def exposed(root: Path) -> TestClient:
    client = TestClient(application(root, Access(password="x")), base_url="http://other:1")
    client.auth = ("", "x")
    return client


def look(page: TestClient, text: str, role: str = "base") -> Any:
    return result(page, page.post("/api/models/look", json={"text": text, "role": role}))


def test_base_models_of_the_folder_and_the_shipped_one(page: TestClient, tmp_path: Path) -> None:
    folder = tmp_path / "models" / "Stable-diffusion" / "sub"
    folder.mkdir(parents=True)
    (folder / "底模.safetensors").write_bytes(b"no model at all")
    found = result(page, page.get("/api/models"))
    assert [(m["title"], m["family"], bool(m["problem"])) for m in found["models"]] == [
        ("sub/底模.safetensors", "", True),
        ("scenes-sd1", "sd1", False),
    ]
    assert found["known"][0]["bytes"] > 1e9
    assert page.get("/api/models?role=nothing").status_code == 400


def test_what_the_webui_has_loaded_comes_first(
    page: TestClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    top = tmp_path / "webui"
    for name in ("a", "b"):
        file = top / "Stable-diffusion" / f"{name}.safetensors"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(base_model_file().read_bytes())
    listed = [
        BaseModel(f"{name} [hash]", top / "Stable-diffusion" / f"{name}.safetensors", is_chosen=name == "b")
        for name in "ab"
    ]
    host = SimpleNamespace(
        name="AUTOMATIC1111",
        folders=lambda: Folders(top, models=top),
        base_models=lambda: listed,
        model_files=list,
    )
    monkeypatch.setattr(models, "host_of", lambda _root: host)
    found = result(page, page.get("/api/models"))["models"]
    assert [(m["title"], m["is_chosen"], m["family_title"]) for m in found[:2]] == [
        ("b [hash]", True, "Stable Diffusion 1"), ("a [hash]", False, "Stable Diffusion 1"),
    ]  # fmt: skip
    assert len(found) == 3, "each once, and the toy"


def test_parts_of_a_model_by_the_argument_that_takes_them(page: TestClient, tmp_path: Path) -> None:
    names = {
        "VAE/ae.safetensors": "ae", "VAE/vae-ft-mse-840000.safetensors": "vae", "VAE/sdxl_vae.safetensors": "vae",
        "text_encoder/clip_l.safetensors": "clip_l", "text_encoder/clip_g.safetensors": "clip_g",
        "text_encoder/t5xxl_fp8_e4m3fn.safetensors": "t5xxl", "text_encoder/gemma_2_2b_fp16.safetensors": "gemma2",
        "text_encoder/qwen_3_4b.safetensors": "qwen3",
    }  # fmt: skip
    for name in names:
        file = tmp_path / "models" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(b"")
    found = result(page, page.get("/api/models"))["parts"]
    assert {Path(file).name: argument for argument, files in found.items() for file in files} == {
        Path(name).name: argument for name, argument in names.items()
    }
    text = result(page, page.get("/api/models?role=text"))["models"]
    assert {model["title"] for model in text} == {
        name[13:] for name in names if name.startswith("text_encoder/")
    }


def test_a_folder_is_added_and_taken_back(page: TestClient, tmp_path: Path) -> None:
    folder = tmp_path / "my models"
    folder.mkdir()
    (folder / "a.safetensors").write_bytes(base_model_file().read_bytes())
    assert page.post("/api/models/folders", json={"folder": f'"{folder}"'}).json() == {
        "folders": [str(folder)]
    }
    found = result(page, page.get("/api/models"))
    assert (found["models"][0]["title"], found["models"][0]["kind"]) == ("a.safetensors", "added")
    assert str(folder) in page.get("/api/models/browse").json()["tops"]
    page.post("/api/models/folders", json={"folder": str(folder), "remove": True})
    assert result(page, page.get("/api/models"))["folders"] == []


def test_what_a_text_means(page: TestClient, files: Files, tmp_path: Path) -> None:
    file = tmp_path / "a b.safetensors"
    file.write_bytes(base_model_file().read_bytes())
    for text in (str(file), f'"{file}"', file.as_uri()):
        model = look(page, text)["model"]
        assert (model["file"], model["family"], model["problem"]) == (str(file), "sd1", "")
    assert [(o["source"], o["bytes"]) for o in look(page, "o/n")["offers"]] == [
        ("o/n:a.safetensors", len(DATA))
    ]
    nothing = look(page, r"D:\models\x.safetensors")
    assert (nothing["model"], "on this machine" in nothing["problem"]) == (None, True)
    missing = page.post("/api/models/look", json={"text": "o/missing"})
    assert "404" in missing.json()["error"]


def test_who_comes_over_the_network_sees_models_alone(version: Version, tmp_path: Path) -> None:
    page = exposed(tmp_path / "root")
    (tmp_path / "root" / "models").mkdir(parents=True)
    (tmp_path / "secret").mkdir()
    tops = page.get("/api/models/browse").json()["tops"]
    assert {Path(top) for top in tops} == {tmp_path / "root", tmp_path / "root" / "models"}
    for folder in (tmp_path / "secret", tmp_path, Path("/")):
        assert "outside" in page.get("/api/models/browse", params={"folder": str(folder)}).json()["error"]
        assert page.post("/api/models/look", json={"text": str(folder)}).status_code == 400
    assert page.post("/api/models/look", json={"text": "o/n"}).status_code == 400
    for path, body in (("folders", {"folder": "/"}), (None, {"source": "o/n"})):
        answer = page.post(f"/api/models/{path}" if path else AT, json=body)
        assert "at the machine itself" in answer.json()["error"]


def downloads(page: TestClient, **query: Any) -> Any:
    return page.get("/api/models/downloads", params=query).json()


def test_a_download_is_a_job_that_can_be_cancelled_and_goes_on(
    page: TestClient, version: Version, files: Files, tmp_path: Path
) -> None:
    offer = {"source": "o/n:a.safetensors", "name": "a.safetensors", "role": "base"}
    number = page.post(AT, json=offer).json()["id"]
    assert [(one["id"], one["state"], one["name"]) for one in downloads(page)] == [
        (number, "queued", "a.safetensors")
    ]
    queue = Queue(tmp_path)
    queue_actions.cancel(queue, number)
    assert downloads(page)[0]["state"] == "cancelled"
    queue_actions.retry(queue, number)
    (entry,) = queue.entries("network")
    assert job.main([str(entry.folder)]) == 0
    file = tmp_path / "models" / "Stable-diffusion" / "a.safetensors"
    assert file.read_bytes() == DATA
    assert entry.record is not None
    end(entry.folder, entry.record, "finished")
    assert downloads(page) == []
    assert [(one["file"], one["of"]) for one in downloads(page, id=number)] == [(str(file), len(DATA))]


def test_a_repositorys_files_go_into_the_cache(
    page: TestClient, version: Version, files: Files, tmp_path: Path
) -> None:
    page.post(AT, json={"source": "o/n", "files": ["a.safetensors"], "name": "o/n"})
    (entry,) = Queue(tmp_path).entries("network")
    assert job.main([str(entry.folder)]) == 0
    (made,) = (tmp_path / "hub").rglob("a.safetensors")
    assert made.read_bytes() == DATA
