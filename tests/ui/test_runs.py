"""The runs in the Compare panel: the list, differences, downloads, and back into a plan."""

from __future__ import annotations

import csv
import io
import json
import zipfile
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
from compare.samples import add_pictures, add_run, cell, picture
from starlette.testclient import TestClient
from ui.conftest import result

from train_tools.compare.checkpoints import find_checkpoints
from train_tools.compare.marks import CHECKPOINT, Target, set_mark
from train_tools.ui.access import Access
from train_tools.ui.server import application
from train_tools.workspace import settings
from train_tools.workspace.workspace import Version, Workspace

AT = "/api/v/猫 cat/v1/compare"
BASE = "/models/sd.safetensors"


@pytest.fixture
def trained(version: Version) -> Version:
    """Two runs with pictures, one that has none yet, and a folder of another program."""
    for name, rate, rank, epochs in (("一 a", 1e-4, 4, 2), ("b", 2e-4, 4, 2), ("c", 1e-4, 8, 1)):
        files = add_run(
            version, name, epochs, learning_rate=rate, network_dim=rank, max_train_epochs=2,
            optimizer_type="AdamW", pretrained_model_name_or_path=BASE,
        )  # fmt: skip
        lines = [
            {"event": "step", "time": n, "step": n, "epoch": 1, "loss": 1 / n, "lr": rate}
            for n in range(1, 3000)
        ]
        text = "".join(f"{json.dumps(line)}\n" for line in lines)
        (version.trains / name / "events.jsonl").write_text(text, encoding="utf-8")
        for epoch, path in enumerate(files if name != "c" else (), start=1):
            add_pictures(version, {cell(name, path.name, epoch, "p", 1.0, f"{name}{epoch}-12345"): picture()})
    (version.trains / "theirs").mkdir()
    return version


def ask(page: TestClient, path: str, **query: Any) -> Any:
    answer = page.get(f"{AT}/{path}", params=query)
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_the_list_calls_all_runs_alike(page: TestClient, trained: Version) -> None:
    set_mark(trained, Target(CHECKPOINT, find_checkpoints(trained)[0].id), "star")
    found = {run["name"]: run for run in ask(page, "runs")}
    assert {name: run["label"] for name, run in found.items()} == {
        "一 a": "learning_rate 0.0001", "b": "learning_rate 0.0002",
        "c": "learning_rate 0.0001 · network_dim 8", "theirs": "theirs",
    }  # fmt: skip
    assert (found["c"]["checkpoints"], found["c"]["pictures"], found["b"]["pictures"]) == (1, 0, 2)
    assert [found[name]["stars"] for name in ("b", "c")].count(1) <= 1
    assert found["theirs"]["has_settings"] is False


def test_what_differs_comes_first(page: TestClient, trained: Version) -> None:
    found = ask(page, "runs/diff", run=["一 a", "c"])
    assert [run["label"] for run in found["runs"]] == [
        "learning_rate 0.0001",
        "learning_rate 0.0001 · network_dim 8",
    ]
    first, *others = found["arguments"]
    assert first == {"name": "network_dim", "values": ["4", "8"], "differs": True}
    assert not any(row["differs"] for row in others)
    assert {"learning_rate", "optimizer_type"} <= {row["name"] for row in others}
    assert not {"output_dir", "output_name"} & {row["name"] for row in found["arguments"]}


@pytest.mark.parametrize(
    ("path", "why"),
    [
        ("diff?run=x", "no run"),
        ("diff?run=theirs", "no run.toml"),
        ("diff", "choose a run"),
        ("zip?run=..", "no run"),
    ],
)
def test_what_isnt_there_is_said(page: TestClient, trained: Version, path: str, why: str) -> None:
    answer = page.get(f"{AT}/runs/{path}")
    assert answer.status_code == 400
    assert why in answer.json()["error"]


def test_a_run_as_a_zip(page: TestClient, trained: Version) -> None:
    told = ask(page, "runs/size", run="一 a")
    answer = page.get(f"{AT}/runs/zip", params={"run": "一 a"})
    assert unquote(answer.headers["content-disposition"]).endswith("''一 a.zip")
    with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
        assert archive.testzip() is None
        assert len(archive.namelist()) == told["files"]
        assert sum(info.file_size for info in archive.infolist()) == told["bytes"]


def test_runs_become_a_plan_again_and_it_can_be_taken_back(page: TestClient, trained: Version) -> None:
    settings.update(trained, "training", {"flip_aug": "true", "learning_rate": "1"})
    made = page.post(f"{AT}/runs/duplicate", json={"runs": ["一 a", "b"]}).json()
    now = settings.read(trained)["training"]
    assert (now["learning_rate"], now["network_dim"], "flip_aug" in now) == ("0.0001,0.0002", "4", False)
    assert page.post(f"{AT}/plan", json={"changes": made["before"]}).status_code == 200
    assert settings.read(trained)["training"] == {"flip_aug": "true", "learning_rate": "1"}


def test_runs_become_the_plan_of_another_version(page: TestClient, trained: Version, tmp_path: Path) -> None:
    there = Workspace(tmp_path).create_version("猫 cat", "v2")
    made = page.post(f"{AT}/runs/duplicate", json={"runs": ["c"], "into": "v2"}).json()
    assert made["version"] == "v2"
    assert settings.read(there)["training"]["network_dim"] == "8"
    assert settings.read(trained)["training"] == {}
    assert page.post(f"{AT}/runs/duplicate", json={"runs": ["c"], "into": "v3"}).status_code == 400
    assert page.post(f"{AT}/runs/duplicate", json={"runs": [1]}).status_code == 400


def test_others_cant_plan_with_models_from_elsewhere(trained: Version, tmp_path: Path) -> None:
    asked = TestClient(application(tmp_path, Access(password="x")), base_url="http://elsewhere")
    answer = asked.post(f"{AT}/runs/duplicate", json={"runs": ["c"]}, auth=("", "x"))
    assert answer.status_code == 400
    assert settings.read(trained)["training"] == {}


def test_curves_are_finer_where_one_looks_closely(page: TestClient, trained: Version) -> None:
    whole = ask(page, "curves", run=["一 a"])
    assert whole["labels"] == [
        "learning_rate 0.0002",
        "learning_rate 0.0001 · network_dim 8",
        "learning_rate 0.0001",
    ]
    steps = whole["runs"][0]["steps"]
    assert len(steps) == 1000
    (part,) = ask(page, "curves", **{"run": ["一 a"], "from": 100.5, "to": 200})["runs"]
    assert part["steps"] == list(range(100, 202))
    whole_by_step = dict(zip(steps, whole["runs"][0]["smooth"], strict=True))
    part_by_step = dict(zip(part["steps"], part["smooth"], strict=True))
    assert all(whole_by_step[step] == part_by_step[step] for step in set(whole_by_step) & set(part_by_step))


def test_curves_as_a_table(page: TestClient, trained: Version) -> None:
    answer = page.get(f"{AT}/curves.csv", params={"run": ["一 a", "c"], "smoothing": 0})
    rows = list(csv.DictReader(io.StringIO(answer.content.decode("utf-8-sig"))))
    assert len(rows) == 2 * 2999
    assert rows[1] == {
        "run": "一 a", "name": "learning_rate 0.0001", "step": "2", "epoch": "1", "loss": "0.5", "smoothed loss": "0.5",
        "learning rate": "0.0001", "validation loss": "",
    }  # fmt: skip
    assert page.get(f"{AT}/curves.csv", params={"run": "x"}).status_code == 400


def test_the_board_as_a_file(page: TestClient, trained: Version) -> None:
    told = result(page, page.get(f"{AT}/export/size"))
    assert told["pictures"] == 4
    answer = page.get(f"{AT}/export", params={"size": "whole"}, headers={"accept-language": "zh-CN"})
    assert answer.headers["content-type"].startswith("text/html")
    assert "attachment" in answer.headers["content-disposition"]
    assert '"language":"zh"' in answer.text
    assert '"compare.axis_epoch":["Epoch","' in answer.text
    assert '"argument.learning_rate":["Learning rate","' in answer.text
    assert "argument.flip_aug" not in answer.text
    assert page.get(f"{AT}/export", params={"size": "huge"}).status_code == 400


def test_sheets_can_be_downloaded(page: TestClient, trained: Version) -> None:
    (trained.folder / "previews").mkdir(exist_ok=True)
    picture().save(trained.folder / "previews" / "sheet-总览.png")
    (sheet,) = ask(page, "runs/sheets")
    assert sheet["path"] == "previews/sheet-总览.png"
    assert page.get(f"/files/v/猫 cat/v1/{sheet['path']}").status_code == 200
