"""The Tools panel's routes."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from PIL import Image
from starlette.testclient import TestClient
from ui.conftest import result

from train_tools.doctor.finding import Finding
from train_tools.environment import gpus, program
from train_tools.environment.manage import Manager
from train_tools.environment.self_check import Outcome
from train_tools.ui.access import Access
from train_tools.ui.routes import tools
from train_tools.ui.server import application
from train_tools.workspace.workspace import Version


@pytest.fixture(autouse=True)
def taken(monkeypatch: pytest.MonkeyPatch) -> None:
    """The interpreter of the tests counts as the environment."""
    monkeypatch.setenv("TRAIN_TOOLS_ENV", "current")


def exposed(root: Path) -> TestClient:
    client = TestClient(application(root, Access(password="x")), base_url="http://other:1")
    client.auth = ("", "x")
    return client


def test_the_environment_that_is_taken_can_be_checked_alone(
    page: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = page.get("/api/tools/environment").json()
    assert (found["state"], found["is_taken"], found["can_change"]) == ("ready", True, False)
    monkeypatch.setattr(Manager, "check", lambda _self: [Outcome("python", "ok", "works")])
    outcomes = result(page, page.post("/api/tools/environment/check"))
    assert outcomes == [{"id": "python", "state": "ok", "text": "works"}]
    answer = page.post("/api/tools/environment/upgrade")
    assert answer.status_code == 400
    assert "TRAIN_TOOLS_ENV" in answer.json()["error"]
    assert page.post("/api/tools/environment/format").status_code == 400


def test_everything_is_looked_over_and_packed_for_a_helper(
    page: TestClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        tools, "examine", lambda root, _environ: iter([Finding("disk", "warn", str(root), "x")])
    )
    found = result(page, page.post("/api/tools/environment/doctor"))
    assert found == [{"id": "disk", "state": "warn", "text": str(tmp_path), "fix": "x"}]
    file = result(page, page.post("/api/tools/environment/bundle"))["file"]
    assert page.get(f"/files/exports/{file}").content.startswith(b"PK")


def test_the_programs_settings_are_checked_and_kept(page: TestClient, tmp_path: Path) -> None:
    before = page.get("/api/tools/program", headers={"Accept-Language": "zh"}).json()
    assert any("代理" in entry["help"] for entry in before["fields"])
    page.post("/api/tools/program", json={"name": "proxy", "text": "http://me:secret@127.0.0.1:7890"})
    assert program.read(tmp_path).proxy == "http://me:secret@127.0.0.1:7890"
    shown = page.get("/api/tools/program").json()["values"]["proxy"]
    assert "secret" not in shown
    wrong = page.post("/api/tools/program", json={"name": "proxy", "text": "ftp://x"})
    assert wrong.status_code == 400
    page.post("/api/tools/program", json={"name": "proxy", "text": ""})
    assert program.read(tmp_path).proxy == "system"
    assert page.post("/api/tools/program", json={"name": "nothing", "text": "x"}).status_code == 400


def test_a_gpu_is_chosen_from_those_that_are_there(
    page: TestClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = [("0", "GPU-a", "RTX 3060"), ("1", "GPU-b", "RTX 3090")]
    monkeypatch.setattr(gpus, "present", lambda: rows)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "5")  # put back at the end
    assert page.get("/api/tools/program").json()["gpus"] == ["0 · RTX 3060", "1 · RTX 3090"]
    refused = page.post("/api/tools/program", json={"name": "gpus", "text": "0,2"})
    assert (refused.status_code, program.read(tmp_path).gpus) == (400, "auto")
    assert "there is no GPU 2 here" in refused.text
    page.post("/api/tools/program", json={"name": "gpus", "text": "1"})
    assert os.environ["CUDA_VISIBLE_DEVICES"] == "1"
    page.post("/api/tools/program", json={"name": "gpus", "text": ""})
    assert os.environ["CUDA_VISIBLE_DEVICES"] == "5"


@pytest.mark.parametrize("path", ["environment/check", "environment/create", "program"])
def test_others_change_nothing_of_the_machine(tmp_path: Path, path: str) -> None:
    answer = exposed(tmp_path).post(f"/api/tools/{path}", json={"name": "proxy", "text": "off"})
    assert answer.status_code == 400
    assert "at the machine itself" in answer.json()["error"]


def test_disk_use_by_what_it_is(page: TestClient, version: Version, tmp_path: Path) -> None:
    Image.new("RGB", (640, 640), (200, 3, 3)).save(version.origin / "a.bmp")
    run = version.trains / "run"
    run.mkdir()
    (run / "x.safetensors").write_bytes(b"x" * 5000)
    page.get("/thumbs/v/猫 cat/v1/dataset/origin/a.bmp")
    found = result(page, page.get("/api/tools/disk"))
    assert found["parts"]["originals"] == (version.origin / "a.bmp").stat().st_size
    assert found["parts"]["runs"] == 5000
    assert found["parts"]["thumbnails"] > 0
    assert found["versions"][0]["version"] == "v1"
    result(page, page.post("/api/tools/thumbnails/clear"))
    assert "thumbnails" not in result(page, page.get("/api/tools/disk"))["parts"]
    assert page.get("/thumbs/v/猫 cat/v1/dataset/origin/a.bmp").status_code == 200


def test_a_loras_metadata_in_words(page: TestClient) -> None:
    metadata = {
        "ss_network_dim": "16", "ss_network_module": "networks.lora", "ss_sd_model_name": "底模.safetensors",
        "ss_training_started_at": "1700000000.0", "ss_training_finished_at": "1700000600.0",
        "ss_tag_frequency": json.dumps({"4_cat": {"cat": 10, " sitting": 3}, "1_dog": {"cat": 1}}),
        "ss_steps": "None",
    }  # fmt: skip
    found = page.post("/api/tools/lora", json={"metadata": metadata}).json()
    assert (found["rank"], found["base_model"], found["steps"]) == ("16", "底模.safetensors", "")
    assert found["seconds"] == 600
    assert found["tags"] == [["cat", 11], ["sitting", 3]]


@pytest.mark.parametrize(
    "metadata",
    [
        {}, {"ss_tag_frequency": "[1"}, {"ss_tag_frequency": "[1]"}, {"ss_tag_frequency": '{"a": {"b": "c"}}'},
        {"ss_training_started_at": "soon", "ss_training_finished_at": "nan"},
    ],
)  # fmt: skip
def test_damaged_metadata_says_nothing_false(page: TestClient, metadata: dict[str, str]) -> None:
    found = page.post("/api/tools/lora", json={"metadata": metadata}).json()
    assert found["tags"] == []
    assert found["seconds"] is None


def test_what_is_no_metadata_is_refused(page: TestClient) -> None:
    assert page.post("/api/tools/lora", json={"metadata": {"a": {"b": 1}}}).status_code == 400
    assert page.post("/api/tools/lora", json={"metadata": "x"}).status_code == 400


def test_about_says_where_and_what(page: TestClient, tmp_path: Path) -> None:
    found = result(page, page.get("/api/tools/about"))
    assert found["root"] == str(tmp_path.resolve())
    assert found["packages"]["starlette"]


def test_an_error_is_explained_in_the_pages_language(page: TestClient) -> None:
    log = "step 3\ntorch.OutOfMemoryError: CUDA out of memory. Tried to allocate 2.00 GiB\n"
    english = page.post("/api/tools/explain", json={"text": log}).json()
    chinese = page.post("/api/tools/explain", json={"text": log}, headers={"Accept-Language": "zh"}).json()
    assert "memory" in english[0]["means"].lower()
    assert "显存" in chinese[0]["means"] + chinese[0]["do"]
    assert page.post("/api/tools/explain", json={"text": "all is well"}).json() == []
