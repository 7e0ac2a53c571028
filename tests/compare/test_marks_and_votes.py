"""Marks and votes: histories that only grow, read after crashes, written by several at once."""

from __future__ import annotations

import shutil
from concurrent.futures import ThreadPoolExecutor

import pytest

from train_tools.compare.marks import CELL, CHECKPOINT, Target, mark_history, read_marks, set_mark
from train_tools.compare.votes import counted_votes, ranking, take_back, vote
from train_tools.errors import UsageError
from train_tools.workspace.lock import writing
from train_tools.workspace.workspace import Version

ONE = Target(CHECKPOINT, "c1", "run/one.safetensors")


def test_the_last_word_counts_and_every_word_is_kept(version: Version) -> None:
    set_mark(version, ONE, "star")
    set_mark(version, ONE, note="眼睛 look right\nsecond line")
    set_mark(version, Target(CELL, "c1"), "reject")
    mark = set_mark(version, ONE, "reject")
    assert (mark.mark, mark.note) == ("reject", "眼睛 look right\nsecond line")
    assert {key: m.mark for key, m in read_marks(version).items()} == {
        (CHECKPOINT, "c1"): "reject", (CELL, "c1"): "reject",
    }  # fmt: skip
    set_mark(version, ONE, "", "")
    assert (CHECKPOINT, "c1") not in read_marks(version)
    assert [record.get("mark") for record in mark_history(version)] == ["star", None, "reject", "reject", ""]


def test_a_line_that_a_crash_cut_off_is_left_out_and_does_not_swallow_the_next(version: Version) -> None:
    set_mark(version, ONE, "star")
    file = version.folder / "previews" / "marks.jsonl"
    file.write_bytes(file.read_bytes() + b'{"kind": "checkpoint", "id": "c1", "mark": "rej')
    assert read_marks(version)[CHECKPOINT, "c1"].mark == "star"
    set_mark(version, Target(CHECKPOINT, "c2"), "reject")
    assert {key[1]: m.mark for key, m in read_marks(version).items()} == {"c1": "star", "c2": "reject"}


def test_lines_of_hand_and_of_newer_programs_do_no_harm(version: Version) -> None:
    set_mark(version, ONE, "star")
    file = version.folder / "previews" / "marks.jsonl"
    with file.open("ab") as out:
        out.write(b'[]\n\xff\xfe\n{"kind": "planet", "id": "x", "mark": "star"}\n')
        out.write(b'{"kind": "checkpoint", "id": "c1", "mark": "shiny"}\n')
    assert {key: m.mark for key, m in read_marks(version).items()} == {(CHECKPOINT, "c1"): "star"}


def test_a_star_can_be_given_while_images_are_captioned(version: Version) -> None:
    with writing(version, "captioning"), ThreadPoolExecutor(1) as pool:
        assert pool.submit(set_mark, version, ONE, "star").result().mark == "star"


def test_many_writers_lose_nothing(version: Version) -> None:
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda n: set_mark(version, Target(CHECKPOINT, f"c{n}"), "star"), range(100)))
    assert len(read_marks(version)) == 100


@pytest.mark.parametrize(
    ("mark", "note", "kind", "complaint"),
    [
        ("gold", None, CHECKPOINT, "no mark 'gold'"),
        (None, "x" * 5000, CELL, "at most"),
        ("star", None, "run", "marked"),
    ],
)
def test_wrong_marks_are_refused(version: Version, mark: str, note: str, kind: str, complaint: str) -> None:
    with pytest.raises(UsageError, match=complaint):
        set_mark(version, Target(kind, "c1"), mark, note)


def test_a_deleted_version_is_not_made_again(version: Version) -> None:
    shutil.rmtree(version.folder)
    with pytest.raises(UsageError, match="deleted"):
        set_mark(version, ONE, "star")
    assert not version.folder.exists()


def test_votes_are_counted_and_taken_back(version: Version) -> None:
    vote(version, "a", "b", "a", "cell")
    vote(version, "b", "c", "tie")
    third = vote(version, "c", "a", "a")
    assert ranking(version)[0].id in ("a", "c")
    assert take_back(version) == third["vote"]
    assert [v["outcome"] for v in counted_votes(version)] == ["a", "tie"]
    assert ranking(version)[0].id == "a"
    first = counted_votes(version)[0]["vote"]
    take_back(version, first)
    assert [v["outcome"] for v in counted_votes(version)] == ["tie"]
    with pytest.raises(UsageError, match="no vote"):
        take_back(version, first)


@pytest.mark.parametrize(("a", "b", "outcome"), [("a", "a", "a"), ("a", "", "a"), ("a", "b", "c")])
def test_wrong_votes_are_refused(version: Version, a: str, b: str, outcome: str) -> None:
    with pytest.raises(UsageError):
        vote(version, a, b, outcome)
    assert counted_votes(version) == []
