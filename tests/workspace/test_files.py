from __future__ import annotations

import os
from pathlib import Path

import pytest

from train_tools.errors import TrainToolsError
from train_tools.workspace import files


def test_a_failed_write_leaves_the_old_file_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "settings.json"
    files.write_json(path, {"name": "训练"})

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        files.write_json(path, {"name": "new"})
    assert files.read_json(path) == {"name": "训练"}
    assert [p.name for p in tmp_path.iterdir()] == ["settings.json"]


def test_text_is_utf8_with_its_newlines(tmp_path: Path) -> None:
    files.write_text(tmp_path / "new" / "a.txt", "猫\n")
    assert (tmp_path / "new" / "a.txt").read_bytes() == "猫\n".encode()


def test_a_line_that_was_cut_off_doesnt_swallow_the_next(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    files.append_line(path, "one")
    with path.open("ab") as file:
        file.write(b'{"ev')
    files.append_line(path, "two")
    assert path.read_text(encoding="utf-8") == 'one\n{"ev\ntwo\n'


def test_damaged_json_is_named(tmp_path: Path) -> None:
    (tmp_path / "run.json").write_text("{", encoding="utf-8")
    with pytest.raises(TrainToolsError, match=r"run\.json"):
        files.read_json(tmp_path / "run.json")
