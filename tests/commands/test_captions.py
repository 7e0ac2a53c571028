"""The captions of a version from the command line."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from train_tools import cli
from train_tools.workspace.lock import writing
from train_tools.workspace.settings import update
from train_tools.workspace.workspace import Workspace

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    workspace = Workspace(tmp_path / "w")
    workspace.create_project("zorb")
    folder = workspace.create_version("zorb", "v1").processed / "10_zorb"
    folder.mkdir(parents=True)
    for name, text in (("a", "red hat, zorb, boots\n"), ("b", "zorb, red boots, boots"), ("c", None)):
        Image.new("RGB", (64, 64), "red").save(folder / f"{name}.png")
        if text:
            (folder / f"{name}.txt").write_text(text, encoding="utf-8")
    return folder


@pytest.fixture
def run(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Run:
    assert folder.is_dir()

    def call(action: str, *words: str) -> tuple[int, str, str]:
        code = cli.main(["captions", action, "zorb", "v1", *words, "--root", str(tmp_path / "w")])
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return call


def texts(folder: Path) -> dict[str, str]:
    return {path.stem: path.read_text(encoding="utf-8") for path in sorted(folder.glob("*.txt"))}


def document(result: tuple[int, str, str]) -> Any:
    assert result[0] == 0, result[2]
    return json.loads(result[1])


def test_show_find_and_count(run: Run) -> None:
    assert run("show")[1].splitlines() == [
        "a.png  [7]  red hat, zorb, boots",
        "b.png  [7]  zorb, red boots, boots",
        "c.png  [0]  (no caption file)",
    ]
    assert run("find", "--tag", "boots", "--without", "red hat")[1] == "b.png\n"
    assert run("find", "--missing")[1] == "c.png\n"
    assert document(run("find", "--longer", "6", "--json")) == {"images": ["a.png", "b.png"]}
    assert document(run("count", "--json"))["tags"] == {"boots": 2, "zorb": 2, "red boots": 1, "red hat": 1}
    assert document(run("count", "--json"))["lengths"] == {"75": 3, "150": 0, "225": 0, "longer": 0}
    assert run("count", "--top", "1")[1].splitlines()[1].split() == ["boots", "2"]


@pytest.mark.parametrize(
    ("words", "a"),
    [
        (["add", "new"], "new, red hat, zorb, boots\n"),
        (["add", "new", "--back"], "red hat, zorb, boots, new\n"),
        (["remove", "zorb,boots"], "red hat\n"),
        (["replace", "red hat", "hat, red"], "hat, red, zorb, boots\n"),
        (["regex", r"(\w+) hat", r"hat in \1"], "hat in red, zorb, boots\n"),
        (["regex", "^boots$", "shoes", "--tags"], "red hat, zorb, shoes\n"),
        (["sort"], "red hat, boots, zorb\n"),
        (["sort", "--by", "frequency", "--keep", "0"], "zorb, boots, red hat\n"),
        (["merge", "boots,red boots=shoes"], "red hat, zorb, shoes\n"),
        (["first"], "zorb, red hat, boots\n"),
        (["first", "boots"], "boots, red hat, zorb\n"),
        (["set", "a picture", "--image", "a.png"], "a picture\n"),
        (["dedupe"], "red hat, zorb, boots\n"),
    ],
)
def test_edits_with_a_preview_undo_and_redo(folder: Path, run: Run, words: list[str], a: str) -> None:
    before = texts(folder)
    action, rest = words[0], words[1:]
    seen = document(run(action, *rest, "--dry-run", "--json"))
    assert texts(folder) == before
    done = document(run(action, *rest, "--json"))
    assert done["changes"] == seen["changes"]
    assert texts(folder)["a"] == a
    if done["changes"]:
        after = texts(folder)
        assert document(run("undo", "--json"))["undone"]["entry"]["what"].startswith(action)
        assert texts(folder) == before
        assert run("redo")[0] == 0
        assert texts(folder) == after


def test_a_file_of_synonyms(folder: Path, run: Run) -> None:
    assert run("merge", "--file", str(folder / "none"))[0] == 2
    pairs = folder.parent / "synonyms.txt"
    pairs.write_text("# shoes\nboots, red boots = shoes\n\n", encoding="utf-8")
    assert run("merge", "--file", str(pairs))[0] == 0
    assert texts(folder) == {"a": "red hat, zorb, shoes\n", "b": "zorb, shoes"}


def test_first_can_put_the_tag_where_it_is_missing(folder: Path, run: Run) -> None:
    assert run("first", "--add", "--missing")[0] == 0
    assert texts(folder)["c"] == "zorb\n"


def test_history_in_words_and_a_hand_edit_stays(folder: Path, run: Run) -> None:
    run("add", "new", "--back", "--tag", "boots")
    assert "add new --back --tag boots" in run("history")[1]
    (folder / "a.txt").write_text("by hand", encoding="utf-8")
    code, out, err = run("undo")
    assert (code, out) == (0, "undone: add new --back --tag boots (1 caption(s))\n")
    assert "a.txt: left as it is: it was edited since" in err
    assert texts(folder) == {"a": "by hand", "b": "zorb, red boots, boots"}
    assert run("history")[1].endswith("(undone)\n")


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["undo"], "no change to undo"),
        (["redo"], "no change to redo"),
        (["find"], "say what to find"),
        (["set", "x"], "say which captions"),
        (["add", " , "], "names no tag"),
        (["regex", "(", "x"], "no regular expression"),
        (["regex", "a", r"\3"], "can't be used"),
        (["merge"], "say what to merge"),
        (["merge", "a"], "must be OLD=NEW"),
        (["merge", "a=b", "A=c"], "two replacements"),
        (["sort", "--keep", "-1"], "must be 0 or more"),
        (["show", "--image", "none.png"], "no training image called"),
        (["show", "--concept", "hat"], "there are: zorb"),
        (["show", "--match", "["], "no regular expression"),
    ],
)
def test_wrong_use_is_one_sentence(run: Run, words: list[str], complaint: str) -> None:
    code, out, err = run(words[0], *words[1:])
    assert (code, out) == (2, "")
    assert complaint in err
    assert err.count("\n") == 1


def test_while_another_writes_nothing_is_changed(
    folder: Path, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import threading

    version = Workspace(tmp_path / "w").version("zorb", "v1")
    held, done = threading.Event(), threading.Event()

    def hold() -> None:
        with writing(version, "processing images"):
            held.set()
            done.wait(20)

    other = threading.Thread(target=hold)
    other.start()
    held.wait(20)
    before = texts(folder)
    code, _, err = run("add", "new")
    assert (code, run("show")[0]) == (2, 0)
    done.set()
    other.join()
    assert "processing images" in err
    assert texts(folder) == before


def test_check(folder: Path, run: Run) -> None:
    code, out, _ = run("check")
    assert code == 0
    assert "64x64" in out
    assert "█" in out
    for words in ("activation-not-first", "caption-missing", "images-few", "images-equal"):
        assert words in out
    found = document(run("check", "--json"))
    assert found["shapes"][0]["buckets"] == [{"size": [64, 64], "images": 3, "shown": 30}]
    assert {f["id"]: f["where"] for f in found["findings"]}["activation-not-first"] == ["a.png"]
    (folder / "a.txt").write_bytes(b"\xff")
    assert run("check")[0] == 1


def test_captions_of_which_one_tag_is_learnt_are_mended_and_come_back(folder: Path, run: Run) -> None:
    (folder / "a.txt").write_text("zorb,\nred hair\n", encoding="utf-8")
    (folder / "b.txt").write_text("zorb，hat、boots", encoding="utf-8")
    assert document(run("count", "--json"))["tags"] == {"zorb": 1, "zorb，hat、boots": 1}
    found = {one["id"]: one["where"] for one in json.loads(run("check", "--json")[1])["findings"]}
    assert (found["caption-lines"], found["caption-separators"]) == (["a.png"], ["b.png"])
    assert "2 caption(s) would change" in run("fix", "--dry-run")[1]
    assert "1 caption(s) changed" in run("fix", "--only", "separators")[1]
    assert "1 caption(s) changed" in run("fix")[1]
    assert texts(folder) == {"a": "zorb, red hair\n", "b": "zorb, hat, boots"}
    assert "undone: fix (1 caption(s))" in run("undo")[1]
    assert "undone: fix --only separators" in run("undo")[1]
    assert texts(folder) == {"a": "zorb,\nred hair\n", "b": "zorb，hat、boots"}


def test_lines_that_are_choices_stay(folder: Path, run: Run, tmp_path: Path) -> None:
    (folder / "a.txt").write_text("zorb，red\nzorb，hat\n", encoding="utf-8")
    update(Workspace(tmp_path / "w").version("zorb", "v1"), "training", {"enable_wildcard": "true"})
    run("fix")
    assert texts(folder)["a"] == "zorb, red\nzorb, hat\n"
    assert document(run("count", "--image", "a.png", "--json"))["tags"] == {"hat": 1, "red": 1, "zorb": 1}
    run("fix", "--only", "lines")
    assert texts(folder)["a"] == "zorb, red, zorb, hat\n"
