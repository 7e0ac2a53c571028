from __future__ import annotations

from pathlib import Path

import pytest

from train_tools import cli


def test_create_list_delete(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = ["--root", str(tmp_path)]
    assert cli.main(["project", "list", *root]) == 0
    assert "project create" in capsys.readouterr().out
    assert cli.main(["project", "create", "训练", *root]) == 0
    assert cli.main(["project", "list", *root]) == 0
    assert "训练" in capsys.readouterr().out
    assert cli.main(["project", "delete", "训练", *root]) == 0
    assert not list((tmp_path / "train_tools" / "projects").iterdir())
    assert len(list((tmp_path / "train_tools" / "trash").glob("*-训练"))) == 1


@pytest.mark.parametrize("name", ["..", "a/b", "NUL", ""])
def test_a_bad_name_ends_with_2_and_one_sentence(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["project", "create", name, "--root", str(tmp_path)]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("train_tools: project name")
    assert captured.err.count("\n") == 1
    assert cli.main(["project", "delete", name, "--root", str(tmp_path)]) == 2


def test_the_root_may_come_from_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRAIN_TOOLS_ROOT", str(tmp_path / "elsewhere"))
    assert cli.main(["project", "create", "zorb"]) == 0
    assert (tmp_path / "elsewhere" / "train_tools" / "projects" / "zorb" / "versions").is_dir()
