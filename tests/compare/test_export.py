"""The board as one file: pictures inside, nothing that a prompt says is a page."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Mapping

import pytest
from compare.samples import add_pictures, add_run, cell, picture

from train_tools.compare.checkpoints import find_checkpoints
from train_tools.compare.export.document import SMALL, WHOLE, pieces, sized
from train_tools.compare.marks import CHECKPOINT, Target, set_mark
from train_tools.compare.service import View, view_board
from train_tools.errors import UsageError
from train_tools.workspace.workspace import Version

EVIL = "</script><script>alert(1)</script>, 猫"
WORDS: Mapping[str, tuple[str, str]] = {"export.close": ("Close", "关闭")}


@pytest.fixture
def compared(version: Version) -> Version:
    """Two runs, of which each checkpoint has a picture with the LoRA and shares one without."""
    pictures = {}
    for number, run in enumerate(("one", "two")):
        for epoch, path in enumerate(add_run(version, run, 2, learning_rate=(1 + number) * 1e-4), start=1):
            pictures[cell(run, path.name, epoch, EVIL, 1.0, f"{run}{epoch}-with-lora")] = picture((9, 9, 200))
            pictures[cell(run, path.name, epoch, EVIL, 0.0, "base-without-lora")] = picture((200, 9, 9))
    add_pictures(version, pictures)
    return version


def exported(version: Version, size: str = WHOLE, **view: object) -> str:
    viewed = view_board(version, View(**view))  # type: ignore[arg-type]
    return "".join(pieces(version, viewed, WORDS, size, "zh"))


def test_all_pictures_lie_in_it_once(compared: Version) -> None:
    text = exported(compared)
    found = re.findall(r'data-kind="(image/\w+)">([^<]*)</script>', text)
    assert [kind for kind, _ in found] == ["image/png"] * 5  # the base model's one stands in four places
    files = {path.read_bytes() for path in compared.trains.rglob("cell-*.png")}
    assert {base64.b64decode(content) for _, content in found} == files
    assert not re.search(r"(src|href)=.?https?:", text)


def test_what_a_person_wrote_ends_no_element(compared: Version) -> None:
    text = exported(compared)
    assert "<script>alert" not in text
    data = json.loads(re.search(r'<script type="application/json" id="data">(.*?)</script>', text)[1])  # type: ignore[index]
    assert data["cells"][0]["facts"]["text"] == EVIL
    assert data["language"] == "zh"
    assert data["words"]["export.close"] == ["Close", "关闭"]


def test_stars_notes_and_the_views_filters_come_along(compared: Version) -> None:
    starred = find_checkpoints(compared)[0]
    set_mark(compared, Target(CHECKPOINT, starred.id), "star", "好 <b>")
    text = exported(compared, starred=True)
    data = json.loads(re.search(r'id="data">(.*?)</script>', text)[1])  # type: ignore[index]
    assert [(c["run"], c["mark"], c["note"]) for c in data["checkpoints"]] == [
        ("learning_rate 0.0001", "star", "好 <b>")
    ]
    assert [c["bare"] for c in data["cells"]].count(True) == 1
    assert str(compared.root) not in text


def test_its_size_is_told_before(compared: Version) -> None:
    found = sized(compared, view_board(compared, View()))
    assert found.pictures == 5
    page = len(exported(compared)) - found.whole
    assert 10_000 < page < 40_000  # the page around the pictures
    assert abs(len(exported(compared, SMALL)) - found.small - page) < 500
    with pytest.raises(UsageError, match="small or whole"):
        exported(compared, "huge")


def test_a_picture_that_is_gone_leaves_its_place(compared: Version) -> None:
    next(compared.trains.rglob("cell-one1*.png")).unlink()
    assert len(re.findall("data-kind=", exported(compared))) == 4
