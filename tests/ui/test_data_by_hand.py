"""Crops and masks by hand, as the Data panel asks for them."""

from __future__ import annotations

import base64
import io
from typing import Any

import pytest
from chosen_base import choose_toy
from PIL import Image, ImageDraw
from starlette.testclient import TestClient
from ui.test_data import BASE, Person, no_worker, png  # noqa: F401

from train_tools.workspace.workspace import Version


@pytest.fixture
def person(page: TestClient, version: Version) -> Person:
    someone = Person(page, version)
    someone.add({"a.png": png("red"), "b.png": png("blue")})
    someone.do(someone.post("process"))
    return someone


def mask() -> bytes:
    image = Image.new("L", (60, 30), 255)
    ImageDraw.Draw(image).rectangle((0, 0, 29, 29), fill=0)
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return buffer.getvalue()


def test_a_picture_is_cropped_masked_processed_and_undone(person: Person) -> None:
    shown = person.page.get(f"{BASE}/by-hand/picture", params={"name": "a.png"})
    assert Image.open(io.BytesIO(shown.content)).size == (120, 60)
    fresh = person.page.get(f"{BASE}/by-hand", params={"name": "a.png"}).json()
    assert fresh == {"crop": [0, 0, 1, 1], "kinds": [], "width": 120, "height": 60, "mask": ""}
    assert person.post("by-hand/crop", name="a.png", box=[0.25, 0, 0.75, 1]).json()["kinds"] == ["crop"]
    put = person.page.put(f"{BASE}/by-hand/mask", params={"name": "a.png"}, content=mask())
    assert put.json()["kinds"] == ["crop", "mask"]
    painted = person.page.get(f"{BASE}/by-hand", params={"name": "a.png"}).json()
    drawn = Image.open(io.BytesIO(base64.b64decode(painted["mask"].partition(",")[2])))
    assert (drawn.size, drawn.getpixel((10, 10)), drawn.getpixel((110, 10))) == ((120, 60), 0, 255)
    listed = person.get("originals")
    assert (listed["touched"], listed["retouched"]) == ({"a.png": ["crop", "mask"]}, ["a.png"])
    assert listed["undo"] == "a.png"
    person.post("settings", changes={"alpha_mask": "true"})
    assert person.do(person.post("process"))["reused"] == 0  # alpha_mask is new for both
    assert person.get("originals")["retouched"] == []
    assert person.post("by-hand/no-mask", name="a.png").json()["kinds"] == ["crop"]
    assert person.do(person.post("process"))["reused"] == 1
    assert [person.post("by-hand/undo").json()["name"] for _ in range(3)] == ["a.png"] * 3
    assert person.get("originals")["touched"] == {}
    assert person.post("by-hand/redo").status_code == 200


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("by-hand/crop", {"name": "a.png", "box": [0, 0, 1]}),
        ("by-hand/crop", {"name": "a.png", "box": [0, 0, "x", 1]}),
        ("by-hand/crop", {"name": "../a.png", "box": [0, 0, 1, 1]}),
        ("by-hand/crop", {"name": "a.png", "box": [0, 0, 2, 1]}),
        ("by-hand/no-mask", {"name": "none.png"}),
        ("by-hand/undo", {}),
    ],
)
def test_what_cannot_be_done_is_a_sentence(person: Person, path: str, body: dict[str, Any]) -> None:
    answer = person.post(path, **body)
    assert (answer.status_code, bool(answer.json()["error"])) == (400, True)


def test_checks_speak_of_missing_captions(person: Person) -> None:
    choose_toy(person.version)
    assert "caption-none" in {one["id"] for one in person.get("census")["findings"]}
    (image,) = person.version.processed.rglob("*a.png")
    image.with_suffix(".txt").write_text("a dot", "utf-8")
    assert "caption-missing" in {one["id"] for one in person.get("census")["findings"]}


def test_the_trigger_words_are_known(person: Person) -> None:
    assert person.page.get(f"{BASE}/settings").json()["prefix"] == "{concept}"
