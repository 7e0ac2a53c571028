"""Each error of the catalogue in a log as a person would see it, and logs in which nothing is wrong."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from train_tools.doctor.explain import ROWS, explain, last_failed

# By the row's id, a log's end in the words of the programs; and one in which nothing is wrong.
FILE = Path(__file__).with_name("excerpts.txt")
EXCERPTS = dict(part.split("\n", 1) for part in FILE.read_text(encoding="utf-8").split("== ")[1:])
HARMLESS = EXCERPTS.pop("harmless")


@pytest.mark.parametrize("name", EXCERPTS)
def test_an_error_is_known_and_what_helps(name: str) -> None:
    found = explain(f"{HARMLESS}{EXCERPTS[name]}\n")
    assert name in [remedy.id for remedy in found], [remedy.id for remedy in found]
    assert found[0].id == name or found[0].id in ("out-of-gpu-memory", "disk-full"), [r.id for r in found]
    remedy = next(remedy for remedy in found if remedy.id == name)
    assert remedy.line in EXCERPTS[name]


def test_every_row_has_its_excerpt_and_says_itself_in_both_languages() -> None:
    assert {row.id for row in ROWS} == set(EXCERPTS)
    assert len({row.id for row in ROWS}) == len(ROWS)
    for row in ROWS:
        assert all((row.means, row.do, row.source))
        assert any("一" <= letter <= "鿿" for letter in row.means_zh)
        assert any("一" <= letter <= "鿿" for letter in row.do_zh)


def test_all_pairs_of_the_installers_list_are_there() -> None:
    assert {row.source for row in ROWS} >= {f"F{number}" for number in range(1, 21)}


@pytest.mark.parametrize("text", [HARMLESS, "", "\n\r\n", "\x00" * 100, "�"])
def test_nothing_is_found_where_nothing_is_wrong(text: str) -> None:
    assert explain(text) == []


def test_a_consequence_stands_behind_its_cause() -> None:
    text = f"{EXCERPTS['port-taken']}\nPermissionError: [Errno 13] Permission denied"
    assert [remedy.id for remedy in explain(text)] == ["port-taken"]
    assert [remedy.id for remedy in explain("PermissionError: [Errno 13] Permission denied: 'a'")] == [
        "permission"
    ]


def test_glued_lines_and_long_ones() -> None:
    assert [r.id for r in explain(f"{HARMLESS}\r10%torch.OutOfMemoryError: CUDA out of memory.")] == [
        "out-of-gpu-memory"
    ]
    assert explain("x" * 1_000_000 + "CUDA out of memory") == []


def run(root: Path, name: str, ended: float, state: str = "failed", log: str = "", **record: object) -> Path:
    folder = root / "train_tools" / "projects" / "p" / "versions" / "v" / "trains" / name
    folder.mkdir(parents=True)
    (folder / "run.json").write_text(json.dumps({"state": state, "ended": ended, **record}), encoding="utf-8")
    if log:
        (folder / "train.log").write_text(log, encoding="utf-8")
    return folder


def test_a_run_is_explained_by_its_log_and_its_record(tmp_path: Path) -> None:
    folder = run(tmp_path, "a", 1, log=HARMLESS * 400 + EXCERPTS["nan-latents"])
    assert [remedy.id for remedy in explain(folder)] == ["nan-latents"]
    told = run(tmp_path, "b", 2, error="the base model /x/y.safetensors is missing; choose a checkpoint file")
    assert [remedy.id for remedy in explain(told)] == ["model-missing"]
    assert explain(tmp_path / "gone") == []
    (told / "run.json").write_bytes(b"\xff{")
    (told / "train.log").write_bytes(b"\xff\xfe" + EXCERPTS["disk-full"].encode())
    assert [remedy.id for remedy in explain(told)] == ["disk-full"]


def test_the_run_that_failed_last(tmp_path: Path) -> None:
    assert last_failed(tmp_path) is None
    run(tmp_path, "a", 1)
    second = run(tmp_path, "b", 3)
    run(tmp_path, "c", 4, state="finished")
    run(tmp_path, "d", 2)
    broken = run(tmp_path, "e", 9)
    (broken / "run.json").write_text("[1", encoding="utf-8")
    assert last_failed(tmp_path) == second
