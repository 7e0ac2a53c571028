"""Captions as the page helps with them: several at once, tags as one types, what a tag does, a server that writes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from captioning.chat_server import chat_server, error
from PIL import Image
from starlette.testclient import TestClient
from ui.conftest import result

from train_tools.execution import lane
from train_tools.execution.queue import Queue
from train_tools.ui.access import Access
from train_tools.ui.server import application
from train_tools.workspace.settings import read
from train_tools.workspace.workspace import Version

VERSION = "/api/v/猫 cat/v1"
BASE = f"{VERSION}/captions"


@pytest.fixture
def captioned(version: Version, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Version:
    monkeypatch.setattr(lane, "ensure_worker", lambda _root, _name: True)
    monkeypatch.setenv("TRAIN_TOOLS_RUN_FOLDER", str(tmp_path / "run"))
    folder = version.processed / "3_zorb"
    folder.mkdir(parents=True)
    for name, text in {
        "a[1]": "zorb, red boots, hat",
        "b": "zorb, red boots",
        "c": None,
        "d": "一只猫，坐着, hat",
    }.items():
        Image.new("RGB", (64, 64), "red").save(folder / f"{name}.png")
        if text is not None:
            (folder / f"{name}.txt").write_text(text, encoding="utf-8")
    return version


def ask(page: TestClient, path: str, **body: Any) -> Any:
    answer = page.post(f"{VERSION}/{path}", json=body)
    assert answer.status_code == 200, answer.text
    return result(page, answer) if "state" in answer.json() else answer.json()


def texts(version: Version) -> dict[str, str]:
    return {
        path.stem: path.read_text("utf-8") for path in sorted((version.processed / "3_zorb").glob("*.txt"))
    }


def change(page: TestClient, edit: dict[str, Any], wanted: dict[str, Any]) -> int:
    seen = ask(page, "captions/preview", edit=edit, filter=wanted)
    return int(ask(page, "captions/apply", edit=edit, filter=wanted, digest=seen["digest"])["count"])


def test_the_chosen_alone_are_edited(page: TestClient, captioned: Version) -> None:
    chosen = {"names": ["3_zorb/a[1].txt", "3_zorb/c.txt"]}
    assert ask(page, "captions/find", filter=chosen)["tags"] == [["hat", 1], ["red boots", 1], ["zorb", 1]]
    assert change(page, {"kind": "add", "tags": "smile，sky", "back": True}, chosen) == 2
    assert texts(captioned)["a[1]"] == "zorb, red boots, hat, smile, sky"
    assert texts(captioned)["c"] == "smile, sky\n"
    assert texts(captioned)["b"] == "zorb, red boots"
    # a tag with a full-width comma in it is one tag, where it is taken as it stands
    assert change(page, {"kind": "remove", "tags": "一只猫，坐着", "exact": True}, {}) == 1
    assert texts(captioned)["d"] == "hat"
    # brackets in a file's name are no pattern
    assert ask(page, "captions/find", filter={"images": ["a[1].png"]})["names"] == ["3_zorb/a[1].txt"]
    gone = page.post(f"{BASE}/find", json={"filter": {"names": ["3_zorb/z.txt"]}})
    assert (gone.status_code, "1 of the chosen captions" in gone.json()["error"]) == (400, True)


def test_a_wrong_expression_is_said_in_our_words(page: TestClient, captioned: Version) -> None:
    edit = {"kind": "regex", "pattern": "(", "replacement": ""}
    answer = page.post(f"{BASE}/preview", json={"edit": edit, "filter": {}})
    assert answer.json()["error"].endswith(r"the ( at place 1 is never closed; write \( for a bracket itself")


def test_the_trigger_word_is_named(page: TestClient, captioned: Version) -> None:
    found = result(page, page.get(f"{BASE}/check"))
    assert (found["activation"], found["called"]) == ("{concept}", "zorb")
    change(page, {"kind": "first", "tag": "", "insert": True}, {})
    assert "{concept}" not in page.get(BASE).json()["head"]["undo"]


def test_tags_are_offered_from_captions_and_lists(
    page: TestClient, captioned: Version, tmp_path: Path
) -> None:
    def offered(text: str, **more: Any) -> list[str]:
        found = {"waiting": True}
        while found["waiting"]:
            found = page.get(f"{VERSION}/tags/offer", params={"text": text, **more}).json()
        return [one["tag"] for one in found["tags"]]  # type: ignore[index]

    assert offered("ha") == ["hat"]
    danbooru = "long_hair,0,4350743,长发\nhat,0,1190000,\n^_^,0,9,\nhair_bow,0,300,\n"
    put = page.put("/api/tags/lists", params={"name": "danbooru.csv"}, content=danbooru.encode())
    assert put.json() == {"name": "danbooru.csv"}
    assert offered("ha") == ["hat", "hair bow", "long hair"]
    assert (offered("长"), offered("^_"), offered("ha", own=1)) == (["long hair"], ["^_^"], ["hat"])
    found = page.get("/api/tags/lists").json()
    assert [(one["name"], one["tags"]) for one in found["files"]] == [("danbooru.csv", 4)]
    assert page.put("/api/tags/lists", params={"name": "../x.csv"}, content=b"").status_code == 400
    completion = tmp_path.parent / "extensions" / "a1111-sd-webui-tagcomplete" / "tags"
    assert not completion.exists()
    assert page.post("/api/tags/lists/take", json={"name": "danbooru_zh.csv"}).status_code == 400
    assert page.post("/api/tags/lists/remove", json={"name": "danbooru.csv"}).status_code == 200
    assert offered("长") == []
    assert page.post("/api/tags/lists/remove", json={"name": "../../x.csv"}).status_code == 400


def test_what_a_tag_does(page: TestClient, captioned: Version) -> None:
    found = page.post(f"{VERSION}/tags/look", json={"tag": "Red Boots"}).json()
    assert (found["names"], found["of"], found["role"]) == (["3_zorb/a[1].txt", "3_zorb/b.txt"], 3, "rare")
    (zorb,) = page.get(f"{VERSION}/tags/prunable").json()["concepts"]
    assert (zorb["trigger"], zorb["captions"], zorb["without"]) == ("zorb", 2, 1)


def test_a_servers_models_its_key_and_a_try(page: TestClient, captioned: Version) -> None:
    with chat_server(key="secret") as server:
        given = {"server": server.base}
        assert "refuses the key" in ask(page, "captions/server/look", settings=given)["problem"]
        found = ask(page, "captions/server/look", settings=given, key="secret")
        assert (found["models"], found["has_key"], found["problem"]) == (["llava:7b"], True, "")
        assert "secret" not in str(found)
        tried = ask(
            page, "captions/server/try", name="3_zorb/c.txt", settings={**given, "server_prompt": "tags"}
        )
        assert tried["text"] == "zorb, a red square"
        assert "c" not in texts(captioned)
        assert ask(page, "captions/server/look", settings=given, key="")["has_key"] is False
    with chat_server(answer=lambda _: error(400, "broken")) as server:
        answer = page.post(
            f"{BASE}/server/try", json={"name": "3_zorb/c.txt", "settings": {"server": server.base}}
        )
        assert "broken" in answer.text


def test_a_job_of_the_server_is_queued_with_its_settings(page: TestClient, captioned: Version) -> None:
    given = {"captioner": "openai", "server": "localhost:1234", "server_model": "m", "only": "3_zorb/c.png"}
    answer = page.post(f"{BASE}/job", json={"settings": given})
    assert answer.status_code == 200, answer.text
    (entry,) = Queue(captioned.root).entries()
    ticket = entry.ticket
    wanted = {"server": "localhost:1234", "captioner": "openai", "only": "3_zorb/c.png"}
    assert {name: ticket.settings[name] for name in wanted} == wanted
    assert "only" not in read(captioned)["captioning"]  # the next time all are meant
    wrong = page.post(f"{BASE}/job", json={"settings": {**given, "server": "ftp://x"}})
    assert "is no address of a server" in wrong.json()["error"]


def test_while_others_may_ask_no_server_is(captioned: Version, tmp_path: Path) -> None:
    headers = {"x-train-tools-token": "t", "x-train-tools-exposed": "1"}
    page = TestClient(
        application(tmp_path, Access(token="t")), base_url="http://localhost:7870", headers=headers
    )
    for path, body in (("look", {}), ("try", {"name": "3_zorb/c.txt"})):
        answer = page.post(
            f"{BASE}/server/{path}", json={"settings": {"server": "http://10.0.0.1/v1"}, **body}
        )
        assert "while the page is open to others" in answer.json()["error"]
    given = {"captioner": "openai", "server": "http://10.0.0.1/v1", "server_model": "m"}
    assert (
        "pictures would be sent there" in page.post(f"{BASE}/job", json={"settings": given}).json()["error"]
    )
