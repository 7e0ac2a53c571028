"""Edits of a version's captions: preview, whole changes, undo and redo, crashes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from tags.conftest import Make, make_version

from train_tools.dataset.progress import Progress
from train_tools.errors import TrainToolsError, UsageError
from train_tools.tags import edits, journal
from train_tools.tags.filters import Filter
from train_tools.tags.service import (
    apply_changes,
    apply_edit,
    captions,
    preview,
    redo,
    tag_counts,
    undo,
)
from train_tools.workspace.workspace import Version, Workspace

TEXTS = {"a": "zorb, red hat\n", "b": "zorb,boots", "c": None, "d": "", "e": "boots ||| x;;;y, {p, q|r}\r\n"}


def bytes_of(version: Version) -> dict[str, bytes]:
    return {p.name: p.read_bytes() for p in sorted(version.processed.rglob("*.txt"))}


def test_a_preview_writes_nothing_and_shows_what_applying_does(make: Make) -> None:
    version = make(TEXTS)
    before = bytes_of(version)
    seen = preview(version, edits.add("new"))
    assert bytes_of(version) == before
    assert not version.history.exists()
    applied = apply_edit(version, "add new", edits.add("new"))
    assert applied.changes == seen.changes
    assert bytes_of(version) == {Path(c.name).name: (c.after or "").encode() for c in seen.changes}
    assert bytes_of(version)["b.txt"] == b"new, zorb, boots"
    assert bytes_of(version)["c.txt"] == b"new\n"


def test_undo_and_redo(make: Make) -> None:
    version = make(TEXTS)
    states = [bytes_of(version)]
    for number in range(3):
        apply_edit(version, f"add {number}", edits.add(f"t{number}"))
        states.append(bytes_of(version))
    for state in reversed(states[:-1]):
        undo(version)
        assert bytes_of(version) == state
    with pytest.raises(UsageError, match="no change to undo"):
        undo(version)
    for state in states[1:]:
        redo(version)
        assert bytes_of(version) == state
    undo(version)
    apply_edit(version, "other", edits.add("other"))
    with pytest.raises(UsageError, match="no change to redo"):
        redo(version)
    assert [entry.what for entry in journal.read_state(version).done] == ["add 0", "add 1", "other"]


def test_an_undo_keeps_what_was_edited_by_hand_since(make: Make) -> None:
    version = make(TEXTS)
    apply_edit(version, "add", edits.add("new"))
    (version.processed / "10_zorb" / "a.txt").write_text("mine", encoding="utf-8")
    (version.processed / "10_zorb" / "b.png").unlink()
    report = undo(version)
    assert dict(report.kept) == {
        "10_zorb/a.txt": "it was edited since",
        "10_zorb/b.txt": "its image isn't there any more",
    }
    assert bytes_of(version)["a.txt"] == b"mine"
    assert bytes_of(version)["d.txt"] == b""
    assert "c.txt" not in bytes_of(version)
    report = redo(version)
    assert [name for name, _ in report.kept] == ["10_zorb/a.txt", "10_zorb/b.txt"]
    assert bytes_of(version)["a.txt"] == b"mine"


def test_what_cant_be_read_is_named_and_left(make: Make) -> None:
    version = make(TEXTS)
    path = version.processed / "10_zorb" / "a.txt"
    path.write_bytes(b"\xff\xfe")
    report = apply_edit(version, "add", edits.add("new"))
    assert report.skipped == (("10_zorb/a.txt", "a.txt isn't UTF-8 text; save it as UTF-8"),)
    assert path.read_bytes() == b"\xff\xfe"


def test_a_preview_that_is_out_of_date_is_refused(make: Make) -> None:
    version = make(TEXTS)
    seen = preview(version, edits.add("new"))
    (version.processed / "10_zorb" / "b.txt").write_text("mine", encoding="utf-8")
    before = bytes_of(version)
    with pytest.raises(UsageError, match=r"b\.txt has changed since the preview"):
        apply_changes(version, "add", seen.changes)
    assert bytes_of(version) == before
    fresh = preview(version, edits.add("new"))
    assert apply_changes(version, "add", fresh.changes[:2]).entry is not None
    assert len(undo(version).changes) == 2


@pytest.mark.parametrize("stop", [1, 3, 5])
@pytest.mark.parametrize("action", ["edit", "undo", "redo"])
def test_stopping_leaves_all_as_it_was(make: Make, stop: int, action: str) -> None:
    version = make(TEXTS)
    if action != "edit":
        apply_edit(version, "first", edits.add("first"))
    if action == "redo":
        undo(version)
    before, state = bytes_of(version), journal.read_state(version)

    def report(progress: Progress) -> None:
        if progress.done == stop:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        {
            "edit": lambda: apply_edit(version, "add", edits.add("new"), report=report),
            "undo": lambda: undo(version, report),
            "redo": lambda: redo(version, report),
        }[action]()
    assert bytes_of(version) == before
    assert journal.read_state(version) == state


def test_a_full_disk_leaves_all_as_it_was(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    version = make(TEXTS)
    before = bytes_of(version)

    def full(path: Path, text: str) -> None:
        if path.name == "d.txt":
            raise OSError(28, "No space left on device")
        path.write_bytes(text.encode())

    monkeypatch.setattr("train_tools.tags.files.write_text", full)
    with pytest.raises(OSError, match="No space left"):
        apply_edit(version, "add", edits.add("new"))
    assert bytes_of(version) == before


def test_a_damaged_history_says_what_to_do(make: Make) -> None:
    version = make(TEXTS)
    apply_edit(version, "add", edits.add("new"))
    folder = journal.folder_of(version)
    (folder / "000001.json").rename(folder / "lost.json")
    with pytest.raises(TrainToolsError, match="put it back from a copy"):
        undo(version)
    (folder / "state.json").write_text("{}", encoding="utf-8")
    with pytest.raises(TrainToolsError, match="move the folder"):
        undo(version)


def test_counts(make: Make) -> None:
    version = make({"a": "zorb, red hat", "b": "Zorb, a, a", "c": "{x, y|z}, zorb"})
    counts = tag_counts(captions(version))
    assert list(counts.items()) == [("zorb", 3), ("a", 1), ("red hat", 1), ("{x, y|z}", 1)]


@pytest.mark.parametrize(
    ("wanted", "names"),
    [
        (Filter(all_of=("zorb", "Red Hat")), "a"),
        (Filter(any_of=("boots", "red hat")), "abe"),
        (Filter(none_of=("zorb",)), "cde"),
        (Filter(all_of=("boots",), none_of=("zorb",)), "e"),
        (Filter(is_missing=True), "c"),
        (Filter(is_empty=True), "d"),
        (Filter(is_missing=True, is_empty=True), "cd"),
        (Filter(text="RED"), "a"),
        (Filter(pattern=r"^zorb,\S"), "b"),
        (Filter(longer=5), "e"),
        (Filter(shorter=1), "cd"),
        (Filter(images=("a*", "d.png")), "ad"),
        (Filter(concepts=("zorb",)), "abcde"),
        (Filter(), "abcde"),
    ],
)
def test_filters(make: Make, wanted: Filter, names: str) -> None:
    assert "".join(file.image.path.stem for file in captions(make(TEXTS), wanted)) == names


@pytest.mark.parametrize(
    ("wanted", "words"),
    [
        (Filter(pattern="("), "no regular expression"),
        (Filter(images=("none.png",)), "no training image called"),
        (Filter(concepts=("other",)), "there are: zorb"),
    ],
)
def test_wrong_filters(make: Make, wanted: Filter, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        captions(make(TEXTS), wanted)


EDITS = {
    "add": edits.add("new, zorb"),
    "back": edits.add("last", back=True),
    "remove": edits.remove("a, zorb"),
    "replace": edits.replace("a", "b, c"),
    "sort": edits.sort(None, 0),
    "dedupe": edits.dedupe(),
    "first": edits.first("{concept}", insert=True),
    "regex": edits.regex("[ab]", "x, y"),
    "set": edits.set_text("all the same"),
}
CAPTIONS = st.one_of(
    st.none(),
    st.sampled_from(["", "\n", "zorb, a", "a,zorb ||| b;;;a\r\nzorb\n", "\ufeff a , b", "{a, b|c}"]),
)


@hypothesis_settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.lists(CAPTIONS, min_size=1, max_size=4), st.lists(st.sampled_from(sorted(EDITS)), max_size=5))
def test_as_many_undos_as_edits_give_the_old_bytes(
    tmp_path_factory: pytest.TempPathFactory, texts: list[str | None], names: list[str]
) -> None:
    version = make_version(tmp_path_factory.mktemp("w"), {str(i): text for i, text in enumerate(texts)})
    states = [bytes_of(version)]
    for name in names:
        states += [bytes_of(version)] if apply_edit(version, name, EDITS[name]).entry else []
    final = states[-1]
    for state in reversed(states[:-1]):
        undo(version)
        assert bytes_of(version) == state
    for _ in states[1:]:
        redo(version)
    assert bytes_of(version) == final


KILLED = """
    import os, signal, sys
    from pathlib import Path
    from train_tools.tags import edits, service
    from train_tools.workspace.workspace import Workspace

    left = int(sys.argv[2])
    version = Workspace(Path(sys.argv[1])).version("zorb", "v1")

    def counting(function):
        def call(*arguments, **named):
            global left
            left -= 1
            if left == 0:
                os.kill(os.getpid(), signal.SIGKILL)
            return function(*arguments, **named)
        return call

    # Every way in which the services touch the disk.
    for name in ("replace", "unlink", "open"):
        setattr(Path, name, counting(getattr(Path, name)))
    os.fsync = counting(os.fsync)
    for step in sys.argv[3:]:
        {"edit": lambda: service.apply_edit(version, "edit", edits.add("second")),
         "undo": lambda: service.undo(version), "redo": lambda: service.redo(version)}[step]()
    print("whole")
"""


@pytest.mark.skipif(os.name == "nt", reason="Windows knows no SIGKILL")
@pytest.mark.parametrize(
    "steps", [["edit"], pytest.param(["undo"], marks=pytest.mark.thorough), ["undo", "redo"]]
)
def test_a_kill_at_any_moment_leaves_the_old_or_the_new_state(tmp_path: Path, steps: list[str]) -> None:
    script = tmp_path / "killed.py"
    script.write_text(textwrap.dedent(KILLED), encoding="utf-8")
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    for moment in range(2, 200, 5):
        version = make_version(tmp_path / f"w{moment}", TEXTS)
        original = bytes_of(version)
        apply_edit(version, "first", edits.add("first"))
        first = bytes_of(version)
        second = {
            Path(c.name).name: (c.after or "").encode() for c in preview(version, edits.add("second")).changes
        }
        root = str(tmp_path / f"w{moment}")
        ended = subprocess.run(
            [sys.executable, str(script), root, str(moment), *steps],
            capture_output=True, text=True, env=environment, check=False,
        )  # fmt: skip
        assert ended.returncode in (0, -signal.SIGKILL), ended.stderr
        for name, data in bytes_of(version).items():
            assert data in (original.get(name), first[name], second[name])
        after = Workspace(tmp_path / f"w{moment}").version("zorb", "v1")
        captions(after)  # as every opening does, it takes back what was cut off
        state = journal.read_state(after)
        assert state.pending == ""
        expected = {0: original, 1: first, 2: second}[len(state.done)]
        assert bytes_of(after) == expected
        while journal.read_state(after).done:
            undo(after)
        assert bytes_of(after) == original
        if ended.returncode == 0:
            return
    pytest.fail("the process was never let to its end")
