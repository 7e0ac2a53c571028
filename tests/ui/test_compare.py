"""The Compare panel's routes: what they answer, and what they refuse."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest
from compare.samples import add_pictures, add_run, cell, picture
from starlette.testclient import TestClient

from train_tools.compare.checkpoints import find_checkpoints
from train_tools.execution.queue import Queue
from train_tools.preview.index import Index, read_index, write_index
from train_tools.ui.access import Access
from train_tools.ui.server import application
from train_tools.workspace import settings
from train_tools.workspace.workspace import Version

AT = "/api/v/猫 cat/v1"


@pytest.fixture
def compared(version: Version) -> Version:
    """A run of two checkpoints on a grid of UNet and text encoder weights; one picture failed, one is damaged."""
    (version.processed / "5_cat").mkdir(parents=True)
    picture().save(version.processed / "5_cat" / "1.png")
    files = add_run(version, "one", 2, learning_rate=1e-4, optimizer_type="AdamW")
    pictures = {
        cell(
            "one", path.name, epoch, "cat", unet, f"{epoch}-{unet:g}-{te:g}-abcdefgh", weight_te=te
        ): picture()
        for epoch, path in enumerate(files, start=1)
        for unet, te in ((0.5, 1.0), (1.0, 1.0), (1.0, 1.5))
    }
    broken = cell("one", files[0].name, 1, "dog", 1.0, "broken-abcdefgh")
    add_pictures(version, {**pictures, broken: picture()})
    (version.folder / broken.image).write_bytes(b"\x89PNG")
    return version


def ask(page: TestClient, path: str, **query: Any) -> Any:
    answer = page.get(f"{AT}/{path}", params=query)
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_the_board_comes_packed_and_says_when_it_changes(page: TestClient, compared: Version) -> None:
    answer = page.get(f"{AT}/compare/board", headers={"accept-encoding": "gzip"})
    assert answer.headers["content-encoding"] == "gzip"
    found = answer.json()
    assert found["table"]["shown"] == 7
    stamp = ask(page, "compare/stamp")["stamp"]
    assert stamp == found["stamp"]
    page.post(
        f"{AT}/compare/mark",
        json={"kind": "checkpoint", "id": found["board"]["checkpoints"]["id"][0], "mark": "star"},
    )
    assert ask(page, "compare/stamp")["stamp"] != stamp
    assert ask(page, "compare/board", starred="1")["table"]["shown"] == 4
    plain = page.get(f"{AT}/compare/board", headers={"accept-encoding": "identity"})
    assert "content-encoding" not in plain.headers
    assert len(gzip.compress(plain.content)) < len(plain.content)


def test_rows_columns_and_filters(page: TestClient, compared: Version) -> None:
    table = ask(
        page, "compare/board", rows="weight_unet", columns="epoch", where=json.dumps({"weight_te": ["1.5"]})
    )["table"]
    assert (table["rows"], table["columns"], table["shown"]) == (["weight_unet"], ["epoch"], 2)


@pytest.mark.parametrize(
    ("path", "query"),
    [
        ("compare/board", {"rows": "colour"}),
        ("compare/board", {"where": "[1]"}),
        ("compare/board", {"where": "{"}),
        ("compare/board", {"where": '{"epoch": 3}'}),
        ("compare/board", {"sort": "x"}),
        ("compare/thumb/none", {}),
        ("compare/thumb/broken-abcdefgh", {}),
        ("compare/cell/none", {}),
        ("compare/curves", {"run": "../.."}),
        ("compare/curves", {"smoothing": "x"}),
        ("compare/advice/none", {}),
        ("publish", {"checkpoint": "none"}),
    ],
)  # fmt: skip
def test_wrong_asks_get_a_sentence(
    page: TestClient, compared: Version, path: str, query: dict[str, str]
) -> None:
    answer = page.get(f"{AT}/{path}", params=query)
    assert answer.status_code in (400, 404)
    assert len(answer.json()["error"]) > 10


def test_pictures_large_and_small(page: TestClient, compared: Version) -> None:
    board = ask(page, "compare/board")["board"]
    key = board["cells"]["keys"][: board["cells"]["key_length"]].strip()
    small = page.get(f"{AT}/compare/thumb/{key}", params={"side": 192})
    assert small.headers["content-type"] == "image/webp"
    assert "immutable" in small.headers["cache-control"]
    whole = page.get(f"{AT}/compare/picture/{key}")
    assert whole.headers["content-type"] == "image/png"
    saved = page.get(f"{AT}/compare/picture/{key}", params={"save": "1"})
    assert saved.headers["content-disposition"].startswith("attachment")
    assert ask(page, f"compare/cell/{key}")["steps"] == 20


def test_an_index_that_points_out_of_the_version_gives_nothing_away(
    page: TestClient, compared: Version, tmp_path: Path
) -> None:
    secret = tmp_path / "secret.png"
    picture().save(secret)
    out = Path("..") / ".." / ".." / ".." / ".." / "secret.png"
    file = find_checkpoints(compared)[0].file
    evil = cell("one", file, 1, "evil", 1.0, "evil-abcdefgh", image=out.as_posix())
    write_index(compared, Index(made=2.0, cells=(*read_index(compared).cells, evil)))
    assert (compared.folder / out).is_file()
    for path in ("picture", "thumb"):
        answer = page.get(f"{AT}/compare/{path}/evil-abcdefgh")
        assert answer.status_code in (400, 404), path


def test_votes(page: TestClient, compared: Version) -> None:
    pair = ask(page, "compare/pair")
    assert {"a", "b", "votes", "pictures"} == set(pair)
    assert "one" not in json.dumps(pair["pictures"])  # nothing tells whose they are
    page.post(f"{AT}/compare/vote", json={"a": pair["a"], "b": pair["b"], "outcome": "a"})
    assert ask(page, "compare/ranking")[0]["id"] == pair["a"]
    assert page.post(f"{AT}/compare/vote/undo").status_code == 200
    assert page.post(f"{AT}/compare/vote/undo").status_code == 400
    assert page.post(f"{AT}/compare/vote", json={"a": 1, "b": 2, "outcome": "a"}).status_code == 400


def test_a_scoring_is_queued(page: TestClient, compared: Version, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("train_tools.ui.routes.compare.wake", lambda *_: None)
    about = ask(page, "compare/measures")
    assert about["measures"][0]["id"] == "training_similarity"
    assert page.post(f"{AT}/compare/score", json={"settings": {"scorer": "simple"}}).status_code == 200
    assert [entry.ticket.kind for entry in Queue(compared.folder.parents[4]).entries()] == ["score"]
    assert page.post(f"{AT}/compare/score", json={"settings": {"scored_weight": "heavy"}}).status_code == 400


def test_advice_goes_into_the_plan_and_back(page: TestClient, compared: Version) -> None:
    settings.update(compared, "training", {"learning_rate": "1e-4, 3e-4"})
    changes = ask(page, "compare/advice/2-0.5-1-abcdefgh", run="one")["changes"]
    assert changes == {"unet_lr": "5e-05"}
    before = page.post(f"{AT}/compare/plan", json={"changes": changes}).json()["before"]
    assert settings.read(compared)["training"] == {"learning_rate": "1e-4, 3e-4", "unet_lr": "5e-05"}
    page.post(f"{AT}/compare/plan", json={"changes": before})
    assert settings.read(compared)["training"] == {"learning_rate": "1e-4, 3e-4"}
    assert page.post(f"{AT}/compare/plan", json={"changes": {"colour": "red"}}).status_code == 400


def test_keep_this_one(page: TestClient, compared: Version, tmp_path: Path) -> None:
    checkpoint = find_checkpoints(compared)[-1]
    about = ask(page, "publish", checkpoint=checkpoint.id)
    assert about["name"] == "猫 cat v1 e2"  # not the file's, which no one can read
    about = ask(page, "publish", checkpoint=checkpoint.id, picture="2-1-1-abcdefgh")
    assert about["values"]["preferred_weight"] == "1"
    wish = {
        "checkpoint": checkpoint.id,
        "name": "my cat",
        "folder": about["folders"][0],
        "picture": "2-1-1-abcdefgh",
        "settings": {"preferred_weight": "0.8"},
    }
    done = page.post(f"{AT}/publish", json=wish)
    assert done.status_code == 200, done.text
    assert done.json()["tag"] == "<lora:my cat:0.8>"
    assert Path(done.json()["lora"]).is_file()
    assert ask(page, "compare/board")["published"] == {"1": ["my cat"]}
    again = page.post(f"{AT}/publish", json=wish)
    assert "nothing is overwritten" in again.json()["error"]
    other = tmp_path / "else" / "where"
    wish["folder"] = str(other)
    assert page.post(f"{AT}/publish", json=wish).json() == {"missing_folder": str(other)}
    assert not other.exists()
    assert page.post(f"{AT}/publish", json={**wish, "make_folder": True}).status_code == 200
    assert ask(page, "publish", checkpoint=checkpoint.id)["folders"][0] == str(other)


def test_others_write_only_where_it_is_offered(compared: Version, tmp_path: Path) -> None:
    headers = {"x-train-tools-token": "t", "x-train-tools-exposed": "1"}
    page = TestClient(
        application(tmp_path, Access(token="t")), base_url="http://localhost:7870", headers=headers
    )
    checkpoint = find_checkpoints(compared)[-1]
    assert ask(page, "publish", checkpoint=checkpoint.id)["fixed"] is True
    wish = {"checkpoint": checkpoint.id, "name": "my cat", "folder": str(tmp_path)}
    assert "only to the folders" in page.post(f"{AT}/publish", json=wish).json()["error"]
    score = page.post(f"{AT}/compare/score", json={"settings": {"scorer": "/somewhere"}})
    assert "open to others" in score.json()["error"]
    plan = page.post(f"{AT}/compare/plan", json={"changes": {"network_module": "evil.code"}})
    assert plan.status_code == 400
