"""What the Data panel asks of the server; jobs are done here, in this process, by the worker's own command."""

from __future__ import annotations

import io
import time
import zipfile
from pathlib import Path
from typing import Any

import pytest
from chosen_base import choose_toy
from PIL import Image, ImageDraw
from starlette.testclient import TestClient

from train_tools.commands import job
from train_tools.dataset.inbox import waiting
from train_tools.execution.run_record import end
from train_tools.ui.routes import data_jobs
from train_tools.workspace.lock import writing
from train_tools.workspace.run_folder import read_record
from train_tools.workspace.settings import read
from train_tools.workspace.workspace import Version

BASE = "/api/v/猫 cat/v1/data"
BATCH = "0123456789abcdef"


def png(colour: str = "red", size: tuple[int, int] = (120, 60)) -> bytes:
    image = Image.new("RGB", size, "white")
    ImageDraw.Draw(image).ellipse((10, 5, 50, 55), fill=colour)
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return buffer.getvalue()


@pytest.fixture(autouse=True)
def no_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(data_jobs, "ensure_worker", lambda *_: True)


class Person:
    """What somebody does with the panel."""

    def __init__(self, page: TestClient, version: Version) -> None:
        self.page, self.version = page, version

    def send(self, path: str, data: bytes, batch: str = BATCH) -> Any:
        return self.page.put(f"{BASE}/uploads/{batch}", params={"path": path}, content=data)

    def post(self, path: str, **body: Any) -> Any:
        return self.page.post(f"{BASE}/{path}", json=body)

    def do(self, answer: Any) -> Any:
        """Does the job that was queued, and gives its result."""
        assert answer.status_code == 200, answer.text
        name = answer.json()["name"]
        folder = self.version.folder / "jobs" / name
        assert job.main([str(folder)]) == 0
        record = read_record(folder)
        assert record is not None
        end(folder, record, "finished")
        return self.page.get(f"{BASE}/jobs/{name}/result").json()

    def add(self, files: dict[str, bytes], batch: str = BATCH, **body: Any) -> Any:
        for path, data in files.items():
            assert self.send(path, data, batch).status_code == 200
        return self.do(self.post(f"uploads/{batch}/take", **body))

    def get(self, path: str, **query: str) -> Any:
        """Asks until the answer is there, as the page does."""
        for _ in range(100):
            answer = self.page.get(f"{BASE}/{path}", params=query).json()
            if not answer.get("waiting"):
                return answer["value"]
            time.sleep(0.05)
        raise AssertionError(f"{path} never came")

    def names(self) -> list[str]:
        return [row[0] for row in self.get("originals")["rows"]]


@pytest.fixture
def person(page: TestClient, version: Version) -> Person:
    return Person(page, version)


COLOURS = ("red", "blue", "green")


@pytest.fixture
def filled(person: Person) -> Person:
    person.add({f"{colour}.png": png(colour) for colour in COLOURS} | {"red.txt": b"a red one"})
    return person


def processed(person: Person) -> Any:
    person.post("settings", changes={"width": "40", "height": "40"})
    return person.do(person.post("process"))


def test_files_of_any_script_arrive_with_their_captions(person: Person) -> None:
    result = person.add({"图 片/猫.png": png(), "图 片/猫.txt": "一只猫".encode(), "b.png": png("blue")})
    assert result["counts"] == {"added": 2, "there": 0}
    assert person.names() == ["b.png", "猫.png"]
    assert person.page.get(f"{BASE}/original", params={"name": "猫.png"}).json()["caption"] == "一只猫"
    assert waiting(person.version) == []


def test_what_is_refused_is_told_by_its_own_name(person: Person) -> None:
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as zipped:
        zipped.writestr("in/good.png", png("green"))
        zipped.writestr("in/bad.png", png()[:60])
    result = person.add({"a/cut off.png": png()[:80], "set.zip": archive.getvalue(), "a/notes.pdf": b"%PDF"})
    assert result["counts"]["added"] == 1
    reasons = {item["source"].replace("\\", "/"): item["reason"] for item in result["items"]}
    assert set(reasons) == {"a/cut off.png", "set.zip/in/bad.png", "a/notes.pdf"}
    assert "damaged" in reasons["a/cut off.png"]


def test_duplicates_are_shown_and_the_same_file_is_taken_once(filled: Person) -> None:
    result = filled.add({"red.png": png("red"), "copy.png": png("red")}, batch="f" * 16)
    assert result["counts"] == {"added": 1, "there": 1}
    assert result["there"][0]["source"] == "red.png"
    assert sorted(result["duplicates"][0]["names"]) == ["copy.png", "red.png"]
    assert sorted(filled.get("originals")["duplicates"][0]["names"]) == ["copy.png", "red.png"]


@pytest.mark.parametrize("path", ["", "/", "../../evil.png", "a/../../b.png", ".hidden.png", "a/" * 30 + "b"])
def test_no_name_leads_out_of_the_upload(person: Person, tmp_path: Path, path: str) -> None:
    before = {p for p in tmp_path.rglob("*") if p.is_file()}
    assert person.send(path, b"x").status_code == 400
    assert {p for p in tmp_path.rglob("*") if p.is_file()} == before


@pytest.mark.parametrize("batch", ["..", "x", "0123456789ABCDEF", "%2e%2e%2fdataset"])
def test_a_batch_is_a_number(person: Person, batch: str) -> None:
    assert person.send("a.png", b"x", batch).status_code in (400, 404, 405)


def test_what_arrived_before_a_break_waits_and_can_be_added_or_thrown_away(person: Person) -> None:
    person.send("a.png", png())
    (state,) = person.page.get(f"{BASE}/state").json()["uploads"]
    assert (state["batch"], state["files"]) == (BATCH, 1)
    person.send("b.png", png("blue"), "b" * 16)
    assert person.post(f"uploads/{'b' * 16}/discard").status_code == 200
    assert person.do(person.post(f"uploads/{BATCH}/take"))["counts"]["added"] == 1
    assert person.names() == ["a.png"]


def test_uploads_go_to_a_concept_or_beside_as_regularisation(filled: Person) -> None:
    filled.add({"d.png": png("brown")}, batch="d" * 16, concept="帽子")
    assert "帽子/d.png" in filled.names()
    processed(filled)
    filled.add({"any.png": png("grey")}, batch="e" * 16, reg="人", repeats=2)
    reg = filled.get("reg")
    assert reg["folders"][0]["folder"] == "2_人"
    assert (reg["folders"][0]["name"], reg["folders"][0]["as_trigger"]) == ("人", 0)
    assert reg["rows"][0][0] == "dataset/reg/2_人/any.png"


TREE = {
    "set/img/5_mira woman/a.png": png(),
    "set/img/5_mira woman/b.png": png("blue"),
    "set/reg/1_woman/r.png": png("grey"),
    "set/model/sample/s.png": png("green"),
}


def proposal(person: Person, language: str = "en", **body: Any) -> Any:
    answer = person.page.post(
        f"{BASE}/uploads/{BATCH}/proposal", json=body, headers={"Accept-Language": language}
    ).json()
    while answer["state"] == "running":
        time.sleep(0.05)
        answer = person.page.get(f"/api/tasks/{answer['task']}", headers={"Accept-Language": language}).json()
    return answer["result"]


def test_what_folders_say_is_told_first_then_done(person: Person) -> None:
    for path, data in TREE.items():
        person.send(path, data)
    told = proposal(person)
    assert [(one["folder"], one["kind"], one["name"], one["images"]) for one in told["decisions"]] == [
        ("set/img/5_mira woman", "concept", "mira woman", 2),
        ("set/model/sample", "left out", "", 1),
        ("set/reg/1_woman", "reg", "woman", 1),
    ]
    assert [(one["name"], one["value"]) for one in told["changes"]] == [
        ("concept", "mira woman"),
        ("concept_repeats", ["mira woman:5"]),
    ]
    assert "略过 1 张图片：训练器输出的内容" in proposal(person, "zh")["decisions"][1]["sentence"]
    assert person.names() == []  # nothing is done yet
    result = person.do(person.post(f"uploads/{BATCH}/take"))
    assert result["decisions"] == told["decisions"]
    assert result["counts"]["added"] == 3
    assert person.names() == ["a.png", "b.png"]
    assert (person.version.reg / "1_woman" / "r.png").is_file()
    assert read(person.version)["dataset"]["concept"] == "mira woman"


def test_whoever_wants_plain_images_gets_them(person: Person) -> None:
    result = person.add(TREE, as_is=True)
    assert (result["counts"]["added"], result["decisions"]) == (4, [])
    assert len(person.names()) == 4


def test_plain_folders_say_nothing(person: Person) -> None:
    person.send("holiday/a.png", png())
    assert proposal(person) == {"decisions": [], "changes": []}


def test_a_concept_that_cannot_be_is_told_before_anything_waits(person: Person) -> None:
    person.send("a.png", png())
    answer = person.post(f"uploads/{BATCH}/take", concept="../x")
    assert answer.status_code == 400
    assert "concept" in answer.json()["error"]


def test_deleting_is_undone_with_captions(filled: Person) -> None:
    deleted = filled.post("originals/delete", names=["red.png", "blue.png"]).json()
    assert deleted["images"] == 2
    assert filled.names() == ["green.png"]
    assert not (filled.version.origin / "red.txt").exists()
    assert filled.post("originals/undo", entry=deleted["entry"]).status_code == 200
    assert filled.names() == ["blue.png", "green.png", "red.png"]
    assert (filled.version.origin / "red.txt").read_text() == "a red one"
    assert filled.post("originals/undo", entry=deleted["entry"]).status_code == 400


def test_an_undo_never_replaces_what_came_since(filled: Person) -> None:
    deleted = filled.post("originals/delete", names=["red.png"]).json()
    filled.add({"red.png": png("orange")}, batch="9" * 16)
    answer = filled.post("originals/undo", entry=deleted["entry"])
    assert answer.status_code == 400
    assert "red.png" in answer.json()["error"]
    assert (filled.version.origin / "red.png").read_bytes() == png("orange")


def test_a_missing_name_deletes_nothing(filled: Person) -> None:
    assert filled.post("originals/delete", names=["red.png", "none.png"]).status_code == 400
    assert len(filled.names()) == 3


def test_images_move_to_a_concept_and_back(filled: Person) -> None:
    moved = filled.post("originals/move", names=["red.png"], concept="hat").json()["names"]
    assert moved == {"red.png": "hat/red.png"}
    assert (filled.version.origin / "hat" / "red.txt").is_file()
    row = next(row for row in filled.get("originals")["rows"] if row[0] == "hat/red.png")
    assert row[3:5] == [120, 60]  # what was seen of it goes along
    filled.post("originals/move", names=["hat/red.png"], concept="")
    assert filled.names() == ["blue.png", "green.png", "red.png"]


def test_processing_shows_what_became_of_each(filled: Person) -> None:
    result = processed(filled)
    assert (result["images"], result["revision"]) == (3, 1)
    assert {row[5] for row in filled.get("originals")["rows"]} == {1}
    unchosen = filled.get("census")
    assert (unchosen["has_base"], unchosen["charts"]) == (False, [])  # the toy's sizes say nothing
    choose_toy(filled.version)
    census = filled.get("census")
    assert census["census"]["images"] == 3
    assert census["census"]["concepts"][0]["captioned"] == 1
    assert sum(bucket["images"] for bucket in census["charts"][0]["buckets"]) == 3
    assert "images-few" in {finding["id"] for finding in census["findings"]}
    assert [row[2] for row in filled.get("images")] == [0, 0, 1]
    made = filled.page.get(f"{BASE}/original", params={"name": "red.png"}).json()["made"]
    assert made[0]["file"].startswith("dataset/processed/10_猫 cat/")


def test_revisions_are_compared_and_restored(filled: Person) -> None:
    processed(filled)
    filled.post("originals/delete", names=["blue.png"])
    filled.post("settings", changes={"flip": "true", "repeats": "3"})
    filled.do(filled.post("process"))
    newest, oldest = filled.get("revisions")
    assert (newest["number"], newest["is_current"], oldest["number"]) == (2, True, 1)
    found = filled.get("compare", old=oldest["name"], new=newest["name"])
    assert {change["name"] for change in found["settings"]} == {"flip", "repeats"}
    assert (len(found["added"]), len(found["removed"]), found["same"]) == (2, 1, 2)
    assert found["repeats"] == {"猫 cat": [10, 3]}
    filled.do(filled.post("restore", revision=oldest["name"]))
    assert filled.get("revisions")[0]["restored_from"] == 1
    assert len(filled.get("images")) == 3


def test_a_second_process_is_refused_while_one_waits(filled: Person) -> None:
    assert filled.post("process").status_code == 200
    answer = filled.post("process")
    assert answer.status_code == 400
    assert "already" in answer.json()["error"]
    (waits,) = [one for one in filled.page.get(f"{BASE}/state").json()["jobs"] if one["kind"] == "process"]
    assert waits["state"] == "queued"
    assert filled.post("jobs/cancel", id=waits["id"]).status_code == 200
    assert filled.page.get(f"{BASE}/state").json()["jobs"][0]["state"] == "cancelled"


def test_settings_are_saved_or_refused_with_a_sentence(person: Person) -> None:
    known = {entry["name"]: entry for entry in person.page.get(f"{BASE}/settings").json()["entries"]}
    assert known["concept"]["default"] == "猫 cat"
    assert person.post("settings", changes={"width": "768", "flip": "true"}).status_code == 200
    refused = person.post("settings", changes={"width": "3"})
    assert refused.status_code == 400
    assert "from 8 to 8192" in refused.json()["error"]
    assert person.post("settings", changes={"widht": "3"}).status_code == 400
    person.post("settings", changes={"flip": ""})
    assert read(person.version)["dataset"] == {"width": 768}


def test_settings_wait_for_another_writer(person: Person) -> None:
    stamp = person.page.get(f"{BASE}/settings").json()["stamp"]
    with writing(person.version, "processing images"):
        answer = person.post("settings", changes={"width": "768"})
    assert answer.status_code == 409
    assert "processing images" in answer.json()["error"]
    assert person.page.get(f"{BASE}/settings").json()["stamp"] == stamp


def test_the_preview_shows_each_operation(filled: Person) -> None:
    body = {"name": "red.png", "changes": {"width": "40", "height": "40", "split": "true", "flip": "true"}}
    for _ in range(100):
        answer = filled.post("preview", **body).json()
        if "value" in answer:
            break
        time.sleep(0.05)
    shown = answer["value"]
    assert (shown["width"], shown["height"]) == (120, 60)
    assert [picture["flipped"] for picture in shown["pictures"]] == [False, True] * (
        len(shown["pictures"]) // 2
    )
    assert len(shown["pictures"]) >= 4
    assert shown["overlay"].startswith("data:image/webp;base64,")


def test_thousands_are_listed_in_a_moment(person: Person) -> None:
    data = png()
    for number in range(2000):
        (person.version.origin / f"{number:05d}.png").write_bytes(data)
    for path in ("state", "originals", "images", "census", "reg", "revisions"):
        assert person.page.get(f"{BASE}/{path}").status_code == 200
    answer = person.page.get(f"{BASE}/originals")
    assert len(person.get("originals")["rows"]) == 2000
    assert len(answer.content) < 200_000
