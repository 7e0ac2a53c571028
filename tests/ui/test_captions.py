"""The captions' API: shown, filtered, saved, edited, undone, checked, and written by a job."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Any

import pytest
from environment.files_server import serving
from PIL import Image
from starlette.testclient import TestClient
from ui.conftest import result

from train_tools.captioning import availability
from train_tools.environment.program import change
from train_tools.execution import lane
from train_tools.execution.queue import Queue
from train_tools.tags import reader
from train_tools.workspace.workspace import Version

BASE = "/api/v/猫 cat/v1/captions"


@pytest.fixture(autouse=True)
def started(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    lanes: list[str] = []
    monkeypatch.setattr(lane, "ensure_worker", lambda _root, name: bool(lanes.append(name)) or True)
    return lanes


def add_images(version: Version, captions: dict[str, str | None], folder: str = "3_zorb") -> None:
    (version.processed / folder).mkdir(parents=True, exist_ok=True)
    for name, text in captions.items():
        Image.new("RGB", (64, 64), (len(name), 0, 0)).save(version.processed / folder / f"{name}.png")
        if text is not None:
            (version.processed / folder / f"{name}.txt").write_text(text, encoding="utf-8")


@pytest.fixture
def captioned(version: Version) -> Version:
    add_images(
        version, {"a": "zorb, red boots, sky\n", "b": "red boots, zorb\n", "c": None, "图": "zorb, 天空\n"}
    )
    return version


def text_of(version: Version, name: str) -> str:
    return (version.processed / "3_zorb" / f"{name}.txt").read_text("utf-8")


def ask(page: TestClient, path: str, **body: Any) -> Any:
    """The result of what may be a task."""
    answer = (
        page.post(f"{BASE}/{path}", json=body)
        if body or path in ("undo", "redo")
        else page.get(f"{BASE}/{path}")
    )
    assert answer.status_code == 200, answer.text
    found = answer.json()
    while isinstance(found, dict) and found.get("state") == "running":
        time.sleep(0.02)
        found = page.get(f"/api/tasks/{found['task']}").json()
    return found["result"] if isinstance(found, dict) and "state" in found else found


def test_a_list_and_then_what_changed(
    page: TestClient, captioned: Version, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reader, "SWEEP_S", 0.0)  # what is written in place is seen after a while
    page.get(BASE)
    while any(item["tokens"] is None for item in page.get(BASE).json()["items"]):
        pass  # they are counted a few at a time
    first = page.get(BASE).json()
    assert first["order"] == ["3_zorb/a.txt", "3_zorb/b.txt", "3_zorb/c.txt", "3_zorb/图.txt"]
    a = first["items"][0]
    assert (a["text"], a["image"], a["concept"]) == (
        "zorb, red boots, sky\n",
        "dataset/processed/3_zorb/a.png",
        "zorb",
    )
    assert a["tokens"] > 3
    assert first["items"][2]["text"] is None
    assert page.get(BASE, params={"since": first["token"]}).json() == {"token": first["token"]}
    (captioned.processed / "3_zorb" / "b.txt").write_text("by hand\n")
    later = page.get(BASE, params={"since": first["token"]}).json()
    assert [item["text"] for item in later["items"]] == ["by hand\n"]


def test_without_images_the_list_is_empty(page: TestClient, version: Version) -> None:
    assert page.get(BASE).json()["items"] == []
    assert ask(page, "find", filter={})["names"] == []


@pytest.mark.parametrize(
    ("wanted", "names"),
    [
        ({}, ["a", "b", "c", "图"]),
        ({"all_of": ["Red Boots"]}, ["a", "b"]),
        ({"none_of": ["red boots"]}, ["c", "图"]),
        ({"is_missing": True, "is_empty": True}, ["c"]),
        ({"text": "天"}, ["图"]),
        ({"pattern": "^red"}, ["b"]),
        ({"longer": 6}, ["a", "图"]),
    ],
)
def test_filters(page: TestClient, captioned: Version, wanted: dict[str, Any], names: list[str]) -> None:
    found = ask(page, "find", filter=wanted)
    assert [Path(name).stem for name in found["names"]] == names
    if not wanted:
        assert found["tags"][:2] == [["zorb", 3], ["red boots", 2]]


@pytest.mark.parametrize(
    "wanted", [None, 5, {"all_of": "x"}, {"what": 1}, {"longer": "7"}, {"pattern": "("}, {"is_missing": 1}]
)
def test_a_wrong_filter_is_a_sentence(page: TestClient, captioned: Version, wanted: Any) -> None:
    answer = page.post(f"{BASE}/find", json={"filter": wanted})
    assert answer.status_code == 400
    assert answer.json()["error"]


def test_one_caption_is_saved_and_a_conflict_is_told(page: TestClient, captioned: Version) -> None:
    body = {"name": "3_zorb/a.txt", "before": "zorb, red boots, sky\n", "after": "zorb, sky\n"}
    assert ask(page, "save", **body) == {"saved": True}
    assert text_of(captioned, "a") == "zorb, sky\n"
    assert ask(page, "save", **body) == {"saved": True}  # the same once more
    assert ask(page, "save", **(body | {"after": "zorb, sea\n"})) == {"saved": False, "now": "zorb, sky\n"}
    assert text_of(captioned, "a") == "zorb, sky\n"
    assert ask(page, "save", name="3_zorb/c.txt", before=None, after="new\n") == {"saved": True}
    assert page.get(BASE).json()["head"]["undo"] == "edit 3_zorb/c.txt"
    assert ask(page, "undo")["count"] == 1
    assert not (captioned.processed / "3_zorb" / "c.txt").exists()


@pytest.mark.parametrize(
    "name", ["../v.txt", "3_zorb/../../../version.toml", "3_zorb/none.txt", "/etc/passwd", ""]
)
def test_nothing_but_captions_is_written(page: TestClient, captioned: Version, name: str) -> None:
    answer = page.post(f"{BASE}/save", json={"name": name, "before": None, "after": "x"})
    assert answer.status_code == 400
    assert not (captioned.folder / "version.toml").exists()


def test_a_bulk_edit_is_previewed_applied_undone_and_made_again(page: TestClient, captioned: Version) -> None:
    edit, wanted = {"kind": "replace", "old": "red boots", "new": "boots"}, {"all_of": ["zorb"]}
    preview = ask(page, "preview", edit=edit, filter=wanted)
    assert preview["count"] == 2
    assert preview["changes"][0]["after"] == "zorb, boots, sky\n"
    assert text_of(captioned, "a") == "zorb, red boots, sky\n"
    assert ask(page, "apply", edit=edit, filter=wanted, digest=preview["digest"]) == {"count": 2}
    assert text_of(captioned, "b") == "boots, zorb\n"
    head = page.get(BASE).json()["head"]
    assert (head["undo"], head["redo"]) == ("replace 'red boots' 'boots'", "")
    assert ask(page, "undo")["count"] == 2
    assert text_of(captioned, "b") == "red boots, zorb\n"
    assert ask(page, "redo")["count"] == 2
    assert text_of(captioned, "b") == "boots, zorb\n"


def test_what_was_not_previewed_is_not_applied(page: TestClient, captioned: Version) -> None:
    edit = {"kind": "remove", "tags": "sky"}
    digest = ask(page, "preview", edit=edit, filter={})["digest"]
    (captioned.processed / "3_zorb" / "a.txt").write_text("sky, other\n")
    answer = page.post(f"{BASE}/apply", json={"edit": edit, "filter": {}, "digest": digest})
    assert answer.status_code == 400
    assert "changed since the preview" in answer.json()["error"]
    assert text_of(captioned, "a") == "sky, other\n"


@pytest.mark.parametrize(
    ("edit", "a"),
    [
        ({"kind": "add", "tags": "boy"}, "boy, zorb, red boots, sky\n"),
        ({"kind": "add", "tags": "boy", "back": True}, "zorb, red boots, sky, boy\n"),
        ({"kind": "sort"}, "zorb, red boots, sky\n"),
        ({"kind": "sort", "by_frequency": True, "keep": 0}, "zorb, red boots, sky\n"),
        ({"kind": "merge", "pairs": "red boots=boots\nsky=heaven"}, "zorb, boots, heaven\n"),
        ({"kind": "regex", "pattern": "s(k)y", "replacement": r"\1"}, "zorb, red boots, k\n"),
        ({"kind": "first", "tag": "sky"}, "sky, zorb, red boots\n"),
        ({"kind": "set", "text": "x"}, "x\n"),
        ({"kind": "dedupe"}, "zorb, red boots, sky\n"),
    ],
)  # fmt: skip
def test_every_edit(page: TestClient, captioned: Version, edit: dict[str, Any], a: str) -> None:
    preview = ask(page, "preview", edit=edit, filter={"images": ["a.png"]})
    ask(page, "apply", edit=edit, filter={"images": ["a.png"]}, digest=preview["digest"])
    assert text_of(captioned, "a") == a


@pytest.mark.parametrize(
    "edit",
    [
        None, {}, {"kind": "explode"}, {"kind": "add"}, {"kind": "replace", "old": "a", "new": ""},
        {"kind": "regex", "pattern": "("}, {"kind": "regex"}, {"kind": "sort", "keep": "x"},
        {"kind": "sort", "keep": -1}, {"kind": "merge"}, {"kind": "merge", "pairs": "x"},
        {"kind": "add", "tags": ["x"]},
    ],
)  # fmt: skip
def test_a_wrong_edit_is_a_sentence(page: TestClient, captioned: Version, edit: Any) -> None:
    answer = page.post(f"{BASE}/preview", json={"edit": edit, "filter": {}})
    assert answer.status_code == 400
    assert answer.json()["error"]


def test_nothing_to_undo_is_a_sentence(page: TestClient, captioned: Version) -> None:
    assert page.post(f"{BASE}/undo").status_code == 400


def test_checks(page: TestClient, captioned: Version) -> None:
    found = ask(page, "check")
    assert found["activation"] == "{concept}"
    by_id = {finding["id"]: finding for finding in found["findings"]}
    assert set(by_id) == {"caption-missing", "activation-not-first"}
    assert by_id["activation-not-first"]["where"] == ["b.png"]


def test_the_captioner_as_a_job(page: TestClient, captioned: Version, started: list[str]) -> None:
    found = ask(page, "captioner")
    states = {one["name"]: one["state"] for one in found["captioners"]}
    assert (states["filename"], states["text"], states["webui-blip"]) == ("ready", "no text", "no webui")
    fields = {field["name"]: field for field in found["fields"]}
    assert fields["general_threshold"]["value"] == "0.35"
    number = ask(page, "job", settings={"captioner": "filename", "prefix": "zorb"})["id"]
    assert started == ["gpu"]
    (entry,) = Queue(page.app.state.root).entries()  # type: ignore[attr-defined]
    assert (entry.id, entry.ticket.kind) == (number, "caption")
    assert entry.ticket.settings["captioner"] == "filename"
    fields = {field["name"]: field for field in ask(page, "captioner")["fields"]}
    assert fields["prefix"]["value"] == "zorb"  # kept for the next time


def test_the_default_is_what_is_here_and_real(
    page: TestClient, captioned: Version, started: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The captioner that ships isn't: it starts where a person says so."""
    monkeypatch.setattr(availability, "is_downloaded", lambda _model, _files: False)
    found = ask(page, "captioner")
    assert found["chosen"] == []
    by_name = {one["name"]: one for one in found["captioners"]}
    assert [by_name[name]["state"] for name in ("blip", "wd", "shapes")] == [
        "downloads",
        "downloads",
        "ready",
    ]
    assert by_name["wd"]["bytes"] > 4e8
    assert [one["name"] for one in found["captioners"] if one["is_toy"]] == ["shapes"]
    for name in ("model.onnx", "selected_tags.csv"):
        (tmp_path / name).touch()
    other = result(page, page.get(f"{BASE}/captioner", params={"wd_model": str(tmp_path)}))
    assert other["chosen"] == ["wd"]
    for settings in ({}, {"captioner": "shapes"}, {"captioner": "filename,shapes"}, {"captioner": "blip"}):
        refused = page.post(f"{BASE}/job", json={"settings": settings})
        assert (refused.status_code, "toy" in refused.json()["error"]) == (400, True)
    assert started == []
    ask(page, "job", settings={"captioner": "shapes"}, toy=True)
    assert started == ["gpu"]


def test_what_a_captioners_model_takes_is_said_before(
    page: TestClient, captioned: Version, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = {"model.onnx": 400, "model.safetensors": 500, "selected_tags.csv": 3, "sub/model.onnx": 9}
    with serving() as hub:
        change(tmp_path, {"hugging_face": hub.address, "proxy": "off"})
        monkeypatch.setenv("HF_ENDPOINT", "")
        siblings = [{"rfilename": name, "size": size} for name, size in names.items()]
        hub.content["/api/models/o/n/revision/main"] = json.dumps({"sha": "c", "siblings": siblings}).encode()
        found = ask(page, "captioner/offer", captioner="wd", model="o/n")
        assert (found["bytes"], found["files"]) == (403, ["selected_tags.csv", "model.onnx"])
        refused = page.post(f"{BASE}/captioner/offer", json={"captioner": "blip", "model": "o/n"})
        assert "no model for the captioner blip" in refused.json()["error"]


@pytest.mark.parametrize(
    "given", [{"captioner": "nobody"}, {"general_threshold": "7"}, {"what": "1"}, {"beams": 3}]
)
def test_a_wrong_captioner_is_a_sentence(page: TestClient, captioned: Version, given: dict[str, Any]) -> None:
    assert page.post(f"{BASE}/job", json={"settings": given}).status_code == 400
    assert Queue(page.app.state.root).entries() == []  # type: ignore[attr-defined]


def test_two_thousand_images_are_answered_for(
    page: TestClient, version: Version, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        os, "fsync", lambda _file: None
    )  # what the disk takes for 2,000 files is no handler's time
    folder = version.processed / "3_zorb"
    folder.mkdir(parents=True)
    Image.new("RGB", (8, 8)).save(folder / "0000.png")
    pixels = (folder / "0000.png").read_bytes()
    words = [f"word{number}" for number in range(300)]
    for number in range(2000):
        (folder / f"{number:04d}.png").write_bytes(pixels)
        tags = [words[(number * k) % 300] for k in range(1, 21)]
        (folder / f"{number:04d}.txt").write_text(f"zorb, {', '.join(tags)}\n")

    def answered(method: str, path: str, **more: Any) -> Any:
        answer = page.request(method, f"{BASE}{path}", **more)
        assert answer.status_code == 200
        return result(page, answer) if "task" in answer.json() else answer.json()

    token = answered("GET", "")["token"]
    answered("GET", "", params={"since": token})
    answered("POST", "/find", json={"filter": {"all_of": ["zorb"], "text": "word7"}})
    before = (folder / "0007.txt").read_text()
    answered("POST", "/save", json={"name": "3_zorb/0007.txt", "before": before, "after": "x\n"})
    edit: dict[str, Any] = {"edit": {"kind": "add", "tags": "new", "back": True}, "filter": {}}
    preview = answered("POST", "/preview", json=edit)
    answered("POST", "/apply", json={**edit, "digest": preview["digest"]})
    answered("GET", "/check")
    assert all(", new" in file.read_text() for file in folder.glob("*.txt"))
