"""The bar's routes: projects and versions, the trash, zips."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image
from starlette.testclient import TestClient
from ui.conftest import result

from train_tools.workspace import settings
from train_tools.workspace.workspace import Version, Workspace


def names(page: TestClient) -> dict[str, list[str]]:
    return {p["name"]: [v["name"] for v in p["versions"]] for p in page.get("/api/projects").json()}


def test_the_first_version_in_one_step(page: TestClient) -> None:
    answer = page.post("/api/projects", json={"name": " 猫 cat "}).json()
    assert answer == {"project": "猫 cat", "version": "v1"}
    assert names(page) == {"猫 cat": ["v1"]}


@pytest.mark.parametrize("name", ["", "  ", "../x", "a/b", "CON", "a:b", ".hidden", "x" * 300])
def test_a_name_that_cant_be_makes_nothing(page: TestClient, tmp_path: Path, name: str) -> None:
    for body in ({"name": name}, {"name": "good", "version": name or "a/b"}):
        if body["name"] == "good" and not name.strip():
            continue  # an empty version is called v1
        answer = page.post("/api/projects", json=body)
        assert answer.status_code == 400
        assert answer.json()["error"]
    assert names(page) == {}
    assert not (tmp_path.parent / "x").exists()


def test_a_taken_name_is_said(page: TestClient, version: Version) -> None:
    answer = page.post("/api/projects", json={"name": "猫 CAT"})
    assert answer.status_code == 400
    assert "猫 cat" in answer.json()["error"]


def test_rename_clone_delete_and_undo(page: TestClient, version: Version) -> None:
    settings.update(version, "training", {"network_dim": "4"})
    renamed = result(page, page.post("/api/v/猫 cat/v1/rename", json={"name": "第一版"}))
    assert renamed["version"] == "第一版"
    made = result(page, page.post("/api/v/猫 cat/第一版/clone", json={"name": "copy", "with_runs": False}))
    assert (made["project"], made["version"]) == ("猫 cat", "copy")
    result(page, page.post("/api/projects/猫 cat/clone", json={"name": "dog"}))
    assert {project: sorted(found) for project, found in names(page).items()} == {
        "dog": ["copy", "第一版"],
        "猫 cat": ["copy", "第一版"],
    }
    entry = page.post("/api/v/猫 cat/copy/delete").json()["entry"]
    assert names(page)["猫 cat"] == ["第一版"]
    listed = page.get("/api/trash").json()["entries"]
    assert [(t["entry"], t["kind"], t["name"]) for t in listed] == [(entry, "version", "copy")]
    back = page.post("/api/trash/restore", json={"entry": entry}).json()
    assert back == {"project": "猫 cat", "version": "copy"}
    assert sorted(names(page)["猫 cat"]) == ["copy", "第一版"]


def test_a_version_starts_from_another(page: TestClient, version: Version, tmp_path: Path) -> None:
    Image.new("RGB", (64, 64)).save(version.origin / "a.png")
    settings.update(version, "training", {"network_dim": "4"})
    source = {"project": "猫 cat", "version": "v1"}
    body = {"name": "v2", "from": source, "take": ["settings"]}
    result(page, page.post("/api/projects/猫 cat/versions", json=body))
    made = Workspace(tmp_path).version("猫 cat", "v2")
    assert settings.read(made)["training"] == {"network_dim": "4"}
    assert not list(made.origin.iterdir())
    answer = page.post("/api/projects/猫 cat/versions", json={"name": "v3", "from": source, "take": ["x"]})
    assert answer.status_code == 400


def test_a_zip_goes_out_and_comes_back(page: TestClient, version: Version, tmp_path: Path) -> None:
    Image.new("RGB", (64, 64)).save(version.origin / "图.png")
    made = result(page, page.post("/api/v/猫 cat/v1/export"))
    data = page.get(f"/files/exports/{made['file']}").content
    assert len(data) == made["bytes"]
    again = result(page, page.put("/api/import", content=data))
    assert (again["project"], again["version"]) == ("猫 cat", "v1-2")
    whole = result(page, page.post("/api/projects/猫 cat/export", json={"with_originals": False}))
    data = page.get(f"/files/exports/{whole['file']}").content
    assert result(page, page.put("/api/import?name=other", content=data))["project"] == "other"
    assert not list((tmp_path / "train_tools").glob(".tmp-*"))
    assert len(page.get("/api/exports").json()) == 2
    page.post("/api/exports/delete", json={"file": made["file"]})
    assert len(page.get("/api/exports").json()) == 1


def test_a_version_finds_its_project_again_or_makes_it(
    page: TestClient, version: Version, tmp_path: Path
) -> None:
    made = result(page, page.post("/api/v/猫 cat/v1/export"))
    data = page.get(f"/files/exports/{made['file']}").content
    page.post("/api/projects/猫 cat/delete")
    assert result(page, page.put("/api/import", content=data))["project"] == "猫 cat"
    assert names(page) == {"猫 cat": ["v1"]}


@pytest.mark.parametrize("data", [b"", b"nothing of a zip", b"PK\x03\x04" + b"\0" * 100])
def test_what_is_no_zip_of_ours_is_refused(page: TestClient, tmp_path: Path, data: bytes) -> None:
    answer = page.put("/api/import?file=图.zip", content=data)
    assert answer.status_code == 400
    assert "图.zip" in answer.json()["error"]
    assert str(tmp_path) not in answer.json()["error"]
    assert not list((tmp_path / "train_tools").glob(".tmp-*"))


@pytest.mark.parametrize("name", ["none.zip", "..%2fqueue.sqlite3", "%2e%2e%2fsecret.zip"])
def test_only_exports_are_downloaded(page: TestClient, version: Version, name: str) -> None:
    assert page.get(f"/files/exports/{name}").status_code == 404


def test_a_failed_task_is_a_sentence(page: TestClient, version: Version) -> None:
    answer = page.post("/api/v/猫 cat/v1/clone", json={"name": "v1"})
    assert answer.status_code == 400
    assert "v1" in answer.json()["error"]
    assert page.get("/api/tasks/99").status_code == 400
