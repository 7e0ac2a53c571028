"""The Plan panel's routes: settings that nobody loses, plans, their runs, what is edited, and the start."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from chosen_base import choose_toy
from execution.fake_engine import write_base, write_safetensors
from PIL import Image
from starlette.testclient import TestClient
from ui.conftest import result

from train_tools.execution.queue import Queue
from train_tools.execution.run_record import end, prepare
from train_tools.planning.plan import make_plan
from train_tools.ui.access import Access
from train_tools.ui.routes import plan as routes
from train_tools.ui.server import application
from train_tools.workspace import settings
from train_tools.workspace.lock import writing
from train_tools.workspace.workspace import Version

BASE = "/api/v/猫 cat/v1/plan"


@pytest.fixture(autouse=True)
def workers(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The lanes whose workers would have been started."""
    started: list[str] = []
    monkeypatch.setattr(routes, "ensure_worker", lambda _root, lane: started.append(lane))
    return started


@pytest.fixture
def dataset(version: Version) -> Version:
    folder = version.processed / "2_mochi"
    folder.mkdir(parents=True)
    for number in range(3):
        Image.new("RGB", (64, 64), (number, 0, 0)).save(folder / f"{number}.png")
    choose_toy(version)
    return version


def planned(page: TestClient, **changes: str) -> Any:
    return result(page, page.post(BASE, json={"page": "one", "changes": changes}))


def save(page: TestClient, changes: dict[str, str], seen: dict[str, str] | None = None) -> Any:
    return page.post(f"{BASE}/settings", json={"changes": changes, "seen": seen or {}}).json()


def test_a_saved_setting_is_there_for_the_next_browser(page: TestClient, version: Version) -> None:
    before = page.get(f"{BASE}/settings").json()
    assert before["values"] == {}
    saved = save(page, {"learning_rate": "1e-4, 3e-4", "network_dim": "8"})
    assert saved["errors"] == saved["conflicts"] == {}
    assert settings.read(version)["training"] == {"learning_rate": "1e-4, 3e-4", "network_dim": "8"}
    after = page.get(f"{BASE}/settings?since={before['revision']}").json()
    assert after["values"] == {"learning_rate": "1e-4, 3e-4", "network_dim": "8"}
    same = page.get(f"{BASE}/settings?since={after['revision']}").json()
    assert same == {"revision": after["revision"]}


def test_what_somebody_else_changed_is_not_overwritten(page: TestClient, version: Version) -> None:
    save(page, {"network_dim": "8"})
    late = save(page, {"network_dim": "32", "network_alpha": "4"})  # it had seen no network_dim
    assert late["conflicts"] == {"network_dim": "8"}
    assert settings.read(version)["training"] == {"network_dim": "8", "network_alpha": "4"}
    again = save(page, {"network_dim": "32"}, {"network_dim": "8"})
    assert again["conflicts"] == {}
    assert save(page, {"network_dim": ""}, {"network_dim": "32"})["shown"]["values"] == {"network_alpha": "4"}


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("learning_rate", "fast"), ("network_dim", "0"), ("no_such", "1"), ("pack_size", "1,2"),
        ("overrides", "learning_rate=1"), ("exclude", "optimizer_type"), ("links", "no_such+seed"),
        ("max_train_epochs", "1-"), ("resolution", "5"),
    ],
)  # fmt: skip
def test_a_wrong_text_is_said_at_its_field_and_not_saved(
    page: TestClient, version: Version, name: str, text: str
) -> None:
    saved = save(page, {name: text, "network_dim" if name != "network_dim" else "seed": "4"})
    assert list(saved["errors"]) == [name]
    assert name in settings.read(version)["training"] or saved["errors"][name]
    assert name not in settings.read(version)["training"]
    assert len(settings.read(version)["training"]) == 1


def test_while_another_writes_nothing_is_lost_and_the_page_is_told(
    page: TestClient, version: Version
) -> None:
    with writing(version, "processing images"):
        answer = page.post(f"{BASE}/settings", json={"changes": {"seed": "1"}, "seen": {}})
    assert answer.status_code in (400, 409)
    assert "processing images" in answer.json()["error"]


@pytest.mark.parametrize(
    ("name", "kept", "text"),
    [
        ("optimizer_args", ["decouple=True", "weight_decay=0.01"], "decouple=True weight_decay=0.01"),
        ("network_dim", [4, 8], "4,8"),
        ("flip_aug", True, "true"),
        ("vae", "none", "none"),
        ("learning_rate", 0.0001, "0.0001"),
        ("resolution", ["64,64", "96,96"], "64,64;96,96"),
        ("overrides", ["seed=1 -> network_dim=4", "seed=2 -> network_dim=8"],
         "seed=1 -> network_dim=4;seed=2 -> network_dim=8"),
    ],
)  # fmt: skip
def test_a_file_made_by_hand_is_shown_as_text_that_means_the_same(
    page: TestClient, dataset: Version, name: str, kept: Any, text: str
) -> None:
    settings.update(dataset, "training", {name: kept, "seed": 1})
    assert page.get(f"{BASE}/settings").json()["values"][name] == text
    before = [run.digest for run in make_plan(dataset, {}).runs]
    settings.update(dataset, "training", {name: text})
    assert [run.digest for run in make_plan(dataset, {}).runs] == before


def test_the_plan_follows_what_is_typed(page: TestClient, dataset: Version) -> None:
    one = planned(page)
    assert (one["runs"], one["to_train"], one["steps"]) == (1, 1, 60)
    assert one["bases"][0]["family"] == "Stable Diffusion 1"
    two = planned(page, learning_rate="1e-4,1e-3", network_dim="4", optimizer_type="AdamW, Lion")
    assert two["runs"] == 4
    assert two["axes"] == {"learning_rate": ["0.0001", "0.001"], "optimizer_type": ["AdamW", "Lion"]}
    assert two["disk_bytes"] > 0 < two["seconds"]
    found = page.get(f"{BASE}/runs?plan={two['plan']}&from=1&count=2").json()
    assert found["count"] == 4
    assert [row["index"] for row in found["rows"]] == [1, 2]
    assert found["rows"][0]["state"] == "new"
    assert page.get(f"{BASE}/runs?plan={one['plan']}").json()["count"] == 1  # a dialog may still show it
    for _ in range(24):
        planned(page)
    assert page.get(f"{BASE}/runs?plan={one['plan']}").status_code == 400


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"learning_rate": "fast"}, "learning_rate"),
        ({"links": "learning_rate+seed", "learning_rate": "1e-4,1e-3"}, "links"),
        ({"pretrained_model_name_or_path": "/nowhere/x.safetensors"}, "pretrained_model_name_or_path"),
        ({"network_dim": "1-200", "seed": "1-200"}, ""),
    ],
)
def test_why_there_is_no_plan(
    page: TestClient, dataset: Version, changes: dict[str, str], field: str
) -> None:
    said = planned(page, **changes)
    assert said["problem"]
    assert said["field"] == field


def test_without_images_the_plan_says_what_to_do(page: TestClient, version: Version) -> None:
    assert "image" in planned(page)["problem"]
    assert planned(page)["lacks"] == "images"
    Image.new("RGB", (64, 64)).save(version.origin / "a.png")
    assert planned(page)["lacks"] == "processing"


def test_without_a_base_model_there_is_no_plan_but_an_offer(
    page: TestClient, dataset: Version, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In the page nothing is trained on the toy because nobody chose."""
    nothing = {"pretrained_model_name_or_path": ""}
    found = planned(page, **nothing)
    assert (found["lacks"], found["loaded"]) == ("base", "")
    monkeypatch.setattr(
        routes, "chosen_in_webui", lambda _root: {"pretrained_model_name_or_path": "/m/loaded.ckpt"}
    )
    assert planned(page, **nothing)["loaded"] == "/m/loaded.ckpt"
    refused = page.post(f"{BASE}/start", json={"page": "one", "identity": "", "changes": nothing})
    assert result(page, refused)["changed"]["toys"] == 1
    assert Queue(tmp_path).entries() == []
    gone = planned(page, pretrained_model_name_or_path="stabilityai/sdxl")
    assert (gone["lacks"], gone["field"]) == ("base", "pretrained_model_name_or_path")


def test_what_needs_sd_scripts_says_that_it_can_be_installed(
    page: TestClient, dataset: Version, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TRAIN_TOOLS_ENV", str(tmp_path / "env"))
    file = tmp_path / "base.safetensors"
    write_base(file)
    base = {"pretrained_model_name_or_path": str(file)}
    assert planned(page, **base, network_module="networks.oft")["lacks_sd_scripts"] is True
    assert planned(page, network_module="networks.lora")["lacks_sd_scripts"] is False
    assert page.get("/api/tools/environment").json()["sd_scripts_bytes"] > 1e9


def test_a_base_model_that_cant_be_read_is_an_error(
    page: TestClient, dataset: Version, tmp_path: Path
) -> None:
    file = tmp_path / "noise.safetensors"
    file.write_bytes(bytes(range(256)) * 40)
    found = planned(page, pretrained_model_name_or_path=str(file))
    assert (found["to_train"], found["impossible"]) == (0, 1)
    assert {f["id"]: f["severity"] for f in found["findings"] if f["severity"] == "error"} == {
        "base-model": "error"
    }
    assert "size-guessed" not in [f["id"] for f in found["findings"]]


def test_findings_are_mended_by_their_fix(page: TestClient, dataset: Version) -> None:
    save(page, {"network_dim": "8", "network_alpha": "32", "optimizer_type": "AdamW,Prodigy"})
    seen: set[str] = set()
    for _ in range(12):
        said = planned(page)
        fixable = [f for f in said["findings"] if f["change"] and f["id"] not in seen]
        if not fixable:
            break
        finding = fixable[0]
        seen.add(finding["id"])
        values = page.get(f"{BASE}/settings").json()["values"]
        saved = save(page, finding["change"], values)
        assert saved["errors"] == saved["conflicts"] == {}, finding
        after = planned(page)
        assert "problem" not in after, after
        assert finding["sentence"] not in [f["sentence"] for f in after["findings"]]
    assert {"alpha-above-dim", "adaptive-learning-rate", "adaptive-arguments", "few-steps"} <= seen


def test_a_run_as_toml_and_back(page: TestClient, dataset: Version) -> None:
    plan = planned(page, learning_rate="1e-4,1e-3")["plan"]
    run = page.get(f"{BASE}/run?plan={plan}&index=1").json()
    assert "learning_rate = 0.001" in run["toml"]
    text = run["toml"].replace("network_dim = 16", "network_dim = 24").replace('"AdamW"', '"Lion"')
    body = {"plan": plan, "index": 1, "toml": text}
    everywhere = page.post(f"{BASE}/run", json=body).json()
    assert everywhere["changes"] == {"network_dim": "24", "optimizer_type": "Lion"}
    assert everywhere["changed"]["network_dim"] == ["16", "24"]
    alone = page.post(f"{BASE}/run", json={**body, "only": True}).json()["changes"]
    runs = make_plan(dataset, {"learning_rate": "1e-4,1e-3", **alone}).runs
    assert [(r.arguments["network_dim"], r.arguments["optimizer_type"]) for r in runs] == [
        (16, "AdamW"),
        (24, "Lion"),
    ]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("network_dim = 16", "network_dim = "), ("network_dim = 16", 'network_dim = "many"'),
        ("network_dim = 16", "network_dmi = 16"), ("output_name = ", 'output_name = "x" # '),
        ("network_dim = 16", "network_dim = [4, 8]"), ("train_data_dir = ", 'train_data_dir = "/" # '),
    ],
)  # fmt: skip
def test_toml_that_cant_be_is_refused(page: TestClient, dataset: Version, old: str, new: str) -> None:
    plan = planned(page)["plan"]
    text = page.get(f"{BASE}/run?plan={plan}&index=0").json()["toml"]
    answer = page.post(f"{BASE}/run", json={"plan": plan, "index": 0, "toml": text.replace(old, new)})
    assert answer.status_code == 400
    assert answer.json()["error"]


def test_a_plan_is_queued_once(
    page: TestClient, dataset: Version, workers: list[str], tmp_path: Path
) -> None:
    changes = {"learning_rate": "1e-4,1e-3", "max_train_epochs": "1"}
    plan = planned(page, **changes)
    body = {"page": "one", "changes": changes, "identity": plan["identity"], "not_before": 4_000_000_000}
    assert plan["toys"] == 2
    unasked = page.post(f"{BASE}/start", json=body)
    assert (unasked.status_code, Queue(tmp_path).entries()) == (400, [])
    assert "toy" in unasked.json()["error"]
    body["toy"] = True
    assert result(page, page.post(f"{BASE}/start", json=body))["queued"] == 2
    assert workers == ["gpu"]
    assert [entry.not_before for entry in Queue(tmp_path).entries()] == [4_000_000_000] * 2
    # Pressed twice, or from a page that hasn't seen it: the plan is another one by now.
    second = result(page, page.post(f"{BASE}/start", json=body))
    assert second["changed"]["to_train"] == 0
    assert second["changed"]["states"] == {"queued": 2}


@pytest.mark.parametrize("body", [{"lane": "../x"}, {"not_before": -1}, {"not_before": 1e99}, {"changes": 3}])
def test_a_start_that_cant_be(page: TestClient, dataset: Version, body: dict[str, Any]) -> None:
    plan = planned(page)
    answer = page.post(f"{BASE}/start", json={"page": "one", "identity": plan["identity"], **body})
    assert answer.status_code == 400


def test_ten_thousand_runs_dont_keep_anybody_waiting(
    page: TestClient, dataset: Version, monkeypatch: pytest.MonkeyPatch
) -> None:
    plenty = SimpleNamespace(free=10**15)  # their checkpoints would fill the disk of a small machine
    monkeypatch.setattr("train_tools.planning.plan.shutil.disk_usage", lambda _folder: plenty)
    changes = {"network_dim": "1-100", "seed": "1-100", "max_train_epochs": "1"}
    answer = page.post(BASE, json={"page": "one", "changes": changes})
    assert page.get("/api/projects").status_code == 200
    assert result(page, answer)["runs"] == 10_000
    newest = result(page, page.post(BASE, json={"page": "one", "changes": {"network_dim": "1-3"}}))
    assert newest["runs"] == 3
    assert page.get(f"{BASE}/runs?plan={newest['plan']}").json()["count"] == 3


def test_those_that_can_be_are_started_and_the_rest_is_named(page: TestClient, dataset: Version) -> None:
    changes = {
        "engine": "packed", "optimizer_type": "AdamW,nobody.knows.Me", "network_dim": "4,8", "max_train_epochs": "1",
    }  # fmt: skip
    found = planned(page, **changes)
    assert (found["to_train"], found["impossible"], found["states"]) == (2, 2, {"new": 2, "impossible": 2})
    body = {"identity": found["identity"], "changes": changes, "toy": True}
    made = result(page, page.post(f"{BASE}/start", json=body))
    assert (made["queued"], made["refused"], len(made["labels"])) == (2, 2, 2)
    assert all("nobody" in label for label in made["labels"])
    after = planned(page, **changes)
    assert (after["to_train"], after["impossible"], after["states"]["queued"]) == (0, 2, 2)
    again = page.post(f"{BASE}/start", json={**body, "identity": after["identity"]})
    assert again.status_code == 400  # nothing of it can be trained
    assert "can't be trained" in again.json()["error"]


def test_a_value_that_would_fail_stops_its_own_run_alone(page: TestClient, dataset: Version) -> None:
    changes = {"learning_rate": "0,1e-4", "max_train_epochs": "1"}
    found = planned(page, **changes)
    (error,) = (one for one in found["findings"] if one["severity"] == "error")
    assert (error["runs"], found["impossible"], found["to_train"]) == (1, 1, 1)
    rows = page.get(f"{BASE}/runs", params={"plan": found["plan"], "state": "impossible"}).json()["rows"]
    assert error["sentence"] in rows[0]["reasons"][0]
    body = {"identity": found["identity"], "changes": changes, "toy": True}
    made = result(page, page.post(f"{BASE}/start", json=body))
    assert (made["queued"], made["refused"]) == (1, 1)


def test_a_new_run_says_why_it_is_new(page: TestClient, dataset: Version) -> None:
    def why(**changes: str) -> tuple[dict[str, int], set[str]]:
        found = planned(page, max_train_epochs="1", **changes)
        rows = page.get(f"{BASE}/runs", params={"plan": found["plan"]}).json()["rows"]
        return found["why"], {row["state"] for row in rows}

    assert why() == ({}, {"new"})
    train(page, dataset)
    assert why() == ({}, {"finished"})
    assert why(network_dim="4,8") == ({"settings": 2}, {"new"})
    folder = dataset.processed / "2_mochi"
    (folder / "0.txt").write_text("a cat", encoding="utf-8")
    assert why() == ({"captions": 1}, {"new"})
    train(page, dataset)
    assert why() == ({}, {"finished"})
    folder.rename(folder.with_name("5_mochi"))
    assert why() == ({"folders": 1}, {"new"})
    folder.with_name("5_mochi").rename(folder)
    (folder / "0.txt").unlink()
    assert why() == ({}, {"finished"})  # as it was before
    Image.new("RGB", (64, 64), "white").save(folder / "new.png")
    assert why() == ({"images": 1}, {"new"})
    (folder / "new.png").unlink()
    for file in dataset.trains.glob("*/*.safetensors"):
        file.unlink()
    assert why() == ({"gone": 1}, {"interrupted"})


def train(page: TestClient, dataset: Version) -> None:
    """As the worker leaves the runs of the plan."""
    for run in make_plan(dataset, {"max_train_epochs": "1"}).runs_to_train:
        folder = dataset.trains / run.name
        record = prepare(folder, run)
        (folder / f"{run.output_name}.safetensors").touch()
        end(folder, record, "finished")


def test_presets_are_shown_saved_and_deleted(page: TestClient, version: Version) -> None:
    names = [preset["name"] for preset in page.get("/api/presets").json()]
    assert "style" in names
    save(page, {"network_dim": "24", "vae": "/secret/vae.pt"})
    path = "/api/v/猫 cat/v1/presets"
    assert page.post(path, json={"name": "我的", "help": "for cats"}).json() == {"name": "我的"}
    (own,) = (preset for preset in page.get("/api/presets").json() if preset["is_own"])
    assert (own["name"], own["is_own"], own["training"]) == ("我的", True, {"network_dim": "24"})
    assert page.post(path, json={"name": "我的"}).status_code == 400
    assert page.post(path, json={"name": "a/b"}).status_code == 400
    page.post("/api/presets/delete", json={"name": "我的"})
    assert "我的" not in [preset["name"] for preset in page.get("/api/presets").json()]
    assert page.post("/api/presets/delete", json={"name": "style"}).status_code == 400


def test_presets_that_fit_the_base_model_come_first(page: TestClient, tmp_path: Path) -> None:
    base = tmp_path / "ponyDiffusionV6XL.safetensors"
    write_safetensors(base, {"conditioner.embedders.1.model.ln_final.weight": (8,)})
    found = page.get("/api/presets", params={"base": str(base)}).json()
    assert (found[0]["name"], found[0]["fit"]) == ("pony", "suggested")
    assert found[0]["source"].endswith(", 2026-05-11")
    (chroma,) = (preset for preset in found if preset["name"] == "chroma")
    assert (chroma["fit"], chroma["families"]) == ("other family", "Chroma")


def test_pasted_arguments_say_what_they_override(page: TestClient, version: Version) -> None:
    save(page, {"learning_rate": "1e-3", "seed": "1"})
    text = '--learning_rate=1e-4 --optimizer_args "decouple=True" "weight_decay=0" --output_name x --seed 1'
    found = page.post(f"{BASE}/paste", json={"text": text}).json()
    assert found["settings"]["optimizer_args"] == "decouple=True weight_decay=0"
    assert found["overridden"] == {"learning_rate": "1e-3"}
    assert found["left_out"][0]["key"] == "output_name"
    wrong = page.post(f"{BASE}/paste", json={"text": "--lerning_rate=1"})
    assert "learning_rate" in wrong.json()["error"]


def test_settings_of_other_programs(page: TestClient, version: Version) -> None:
    kohya = {"network_dim": 32, "network_alpha": 16, "learning_rate": 0.0002, "logging_dir": "/x", "huh": 1}
    found = page.put(f"{BASE}/import?name=a.json", content=json.dumps(kohya)).json()
    assert found["settings"]["network_dim"] == "32"
    assert found["left_out"]
    deep = b"[" * 5000 + b"]" * 5000
    broken = (("a.json", b'{"network_dim": ' + deep + b"}"), ("a.toml", b"a = " + deep), ("a.%00", b"{}"))
    for name, data in (*broken, ("a.png", b"x"), ("图.json", b"{"), ("a.safetensors", b"1234"), ("", b"")):
        answer = page.put(f"{BASE}/import?name={name}", content=data)
        assert answer.status_code == 400
        assert ".tmp-" not in answer.json()["error"]
    metadata = {"ss_network_module": "networks.lora", "ss_network_dim": "8", "ss_learning_rate": "0.0003"}
    lora = page.post(f"{BASE}/import_lora", json={"metadata": metadata}).json()
    assert lora["changes"]["network_dim"] == "8"
    unet_only = {"metadata": metadata, "tensors": ["lora_unet_x.lora_down.weight"]}
    lora = page.post(f"{BASE}/import_lora", json=unet_only).json()
    assert lora["changes"]["network_train_unet_only"] == "true"
    job = b"config: {process: [{type: sd_trainer, network: {linear: 8}, train: {lr: 1e-4}}]}"
    job_answer = page.put(f"{BASE}/import?name=job.yaml", content=job).json()
    assert (job_answer["source"], job_answer["program"]) == ("ai-toolkit job", "ai-toolkit")
    assert job_answer["settings"]["network_dim"] == "8"
    assert page.post(f"{BASE}/import_lora", json={"metadata": {"a": 1}}).status_code == 400


def test_the_fields_come_in_the_pages_language(page: TestClient) -> None:
    def helps(language: str) -> dict[str, str]:
        answer = page.get("/api/arguments", headers={"Accept-Language": language}).json()
        return {row["name"]: row["help"] for row in answer["fields"]}

    assert helps("en")["learning_rate"].startswith("How far the weights move")
    assert "每一步权重改变的幅度" in helps("zh-CN")["learning_rate"]
    assert len(helps("en")) > 240


def test_an_exposed_page_takes_nothing_that_loads_code(dataset: Version, tmp_path: Path) -> None:
    page = TestClient(application(tmp_path, Access(password="x")), base_url="http://other:1")
    page.auth = ("", "x")
    saved = save(page, {"optimizer_type": "os.system", "network_dim": "4"})
    assert list(saved["errors"]) == ["optimizer_type"]
    assert saved["shown"]["values"]["network_dim"] == "4"
    for text in ("/etc/passwd", "../../x.safetensors"):
        assert planned(page, pretrained_model_name_or_path=text)["problem"]
    body = {"page": "one", "identity": "", "changes": {"network_module": "evil"}}
    assert page.post(f"{BASE}/start", json=body).status_code == 400


@pytest.mark.parametrize("text", ['{"text": "\\ud800"}', "{", "[1]", "null", '{"text": 1}'])
def test_a_request_that_makes_no_sense_is_a_sentence(page: TestClient, version: Version, text: str) -> None:
    answer = page.post(f"{BASE}/paste", content=text)
    assert answer.status_code == 400
    assert answer.json()["error"]
