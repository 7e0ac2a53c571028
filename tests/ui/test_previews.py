"""Pictures of the checkpoints, asked for in the page."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from compare.samples import add_run
from PIL import Image
from preview.heads import model
from starlette.testclient import TestClient
from ui.conftest import result

from train_tools.execution.queue import Queue
from train_tools.ui.access import Access
from train_tools.ui.routes import previews
from train_tools.ui.server import application
from train_tools.workspace import settings
from train_tools.workspace.workspace import Version

BASE = "/api/v/猫 cat/v1/previews"


@pytest.fixture(autouse=True)
def woken(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    lanes: list[str] = []
    monkeypatch.setattr(previews, "wake", lambda _queue, lane: lanes.append(lane))
    return lanes


def test_settings_are_shown_with_what_is_set(page: TestClient, version: Version) -> None:
    settings.update(version, "preview", {"prompts": ["a, b", "c"], "seed": [1, 2], "unknown": 3})
    shown = page.get(BASE).json()
    assert shown["values"] == {"prompts": "a, b|c", "seed": "1,2"}
    assert shown["automatic"] == "run"
    assert {"prompts", "weights", "automatic"} <= {entry["name"] for entry in shown["settings"]}


def test_what_lacks_checkpoints_says_so(page: TestClient, version: Version) -> None:
    counted = result(page, page.post(f"{BASE}/count", json={"settings": {}}))
    assert "no checkpoint" in counted["problem"]


def test_fields_that_nobody_set_say_what_the_family_means(
    page: TestClient, version: Version, tmp_path: Path
) -> None:
    noob, flux = model(tmp_path, "velocity"), model(tmp_path, "flux dev")
    add_run(version, "first", 1, pretrained_model_name_or_path=str(noob))
    counted = result(page, page.post(f"{BASE}/count", json={"settings": {"steps": "9"}}))
    assert counted["by_family"] == {
        "sampler": "Euler", "scheduler": "Automatic", "cfg_scale": "5", "guidance": "", "shift": "", "rescale": "0.7",
    }  # fmt: skip
    given = {"base_models": f"trained, {flux}"}
    counted = result(page, page.post(f"{BASE}/count", json={"settings": given}))
    assert (counted["by_family"]["scheduler"], counted["by_family"]["guidance"]) == (
        "Automatic, Simple",
        "3.5",
    )


def test_rendering_is_a_job_and_keeps_its_settings(
    page: TestClient, version: Version, tmp_path: Path, woken: list[str]
) -> None:
    given = {"prompts": "{trigger}, a photo\nin a garden", "weights": "0-1 [3]", "automatic": "batch"}
    assert page.post(f"{BASE}/render", json={"settings": given}).status_code == 200
    assert settings.read(version)["preview"]["prompts"] == ["{trigger}, a photo", "in a garden"]
    assert settings.read(version)["preview"]["weights"] == [0.0, 0.5, 1.0]
    assert [entry.ticket.kind for entry in Queue(tmp_path).entries()] == ["preview"]
    assert woken == ["gpu"]


@pytest.mark.parametrize(
    "given", [{"steps": "many"}, {"steps": "0"}, {"nothing": "1"}, {"automatic": "always"}, {"steps": 3}]
)
def test_a_wrong_setting_queues_nothing(
    page: TestClient, version: Version, tmp_path: Path, given: Any
) -> None:
    answer = page.post(f"{BASE}/render", json={"settings": given})
    assert answer.status_code == 400
    assert Queue(tmp_path).entries() == []


def test_others_cant_name_files(version: Version, tmp_path: Path) -> None:
    asked = TestClient(application(tmp_path, Access(password="x")), base_url="http://elsewhere")
    answer = asked.post(f"{BASE}/render", json={"settings": {"base_models": "/etc/passwd"}}, auth=("", "x"))
    assert answer.status_code == 400
    assert "base_models" in answer.json()["error"]


def test_the_plan_saves_the_same_settings(page: TestClient, version: Version) -> None:
    given = {"prompts": "a, b\n{trigger}", "seed": "1-2", "steps": "9"}
    saved = page.post(f"{BASE}/settings", json={"settings": given, "seen": {}}).json()
    assert saved["values"] == {"prompts": "a, b|{trigger}", "seed": "1,2", "steps": "9"}
    assert page.get(BASE).json()["values"] == saved["values"]
    cleared = page.post(f"{BASE}/settings", json={"settings": {"steps": ""}, "seen": saved["values"]}).json()
    assert cleared["values"] == {"prompts": "a, b|{trigger}", "seed": "1,2"}
    assert page.post(f"{BASE}/settings", json={"settings": {"steps": "many"}}).status_code == 400


def test_what_another_window_saved_stays(page: TestClient, version: Version) -> None:
    page.post(f"{BASE}/settings", json={"settings": {"seed": "7"}, "seen": {}})
    mine = page.post(f"{BASE}/settings", json={"settings": {"seed": "8", "steps": "9"}, "seen": {}}).json()
    assert mine == {"values": {"seed": "7", "steps": "9"}, "conflicts": {"seed": "7"}}


def test_prompts_are_suggested_from_captions(page: TestClient, version: Version) -> None:
    answer = page.get("/api/v/猫 cat/v1/plan/prompts")
    assert "process them first" in answer.json()["error"]
    folder = version.processed / "5_猫 cat"
    folder.mkdir(parents=True)
    for number, text in enumerate(("猫 cat, grass, sitting", "猫 cat, grass, lying")):
        Image.new("RGB", (64, 64)).save(folder / f"{number}.png")
        (folder / f"{number}.txt").write_text(text, encoding="utf-8")
    found = result(page, page.get("/api/v/猫 cat/v1/plan/prompts"))
    assert found["prompts"][0]["prompt"] == "{trigger}, grass"
    assert found["prompts"][-1]["kind"] == "flexible"


def test_a_plan_says_how_many_pictures_come_of_it(page: TestClient, version: Version, tmp_path: Path) -> None:
    folder = version.processed / "5_cat"
    folder.mkdir(parents=True)
    Image.new("RGB", (64, 64)).save(folder / "1.png")
    changes = {
        "pretrained_model_name_or_path": str(model(tmp_path, "velocity")), "learning_rate": "1e-4,2e-4",
        "max_train_epochs": "4", "save_every_n_epochs": "2",
    }  # fmt: skip
    plan = result(page, page.post("/api/v/猫 cat/v1/plan", json={"page": "one", "changes": changes}))
    asked = {"plan": plan["plan"], "settings": {"prompts": "a\nb", "weights": "0,0.5,1", "seed": "1,2"}}
    found = result(page, page.post("/api/v/猫 cat/v1/plan/pictures", json=asked))
    # 2 prompts × 2 seeds × 2 weights of 2 × 2 checkpoints, and 2 × 2 without LoRA
    assert (found["each"], found["checkpoints"], found["bare"], found["total"]) == (8, 4, 4, 36)
    assert (found["by_family"]["sampler"], found["by_family"]["rescale"]) == ("Euler", "0.7")
    asked["settings"]["prompt_set"] = "nowhere"
    wrong = result(page, page.post("/api/v/猫 cat/v1/plan/pictures", json=asked))
    assert "no list of prompts" in wrong["problem"]
