from __future__ import annotations

import json
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


def test_rename_clone_delete_and_restore(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = ["--root", str(tmp_path)]
    for command in (
        "project create zorb",
        "version create zorb v1",
        "project rename zorb 花",
        "project clone 花 copy --without-runs",
        "project delete 花",
        "trash restore 花",
    ):
        assert cli.main([*command.split(), *root]) == 0, command
    capsys.readouterr()
    assert cli.main(["project", "list", "--json", *root]) == 0
    listed = json.loads(capsys.readouterr().out)["projects"]
    assert {project["name"]: project["versions"] for project in listed} == {"花": 1, "copy": 1}
    assert set(listed[0]) >= {
        "folder",
        "originals",
        "images",
        "captions",
        "runs",
        "checkpoints",
        "bytes",
        "changed",
    }
    assert cli.main(["project", "rename", "copy", "花", *root]) == 2
    assert "exists already" in capsys.readouterr().err


def test_the_trash_is_listed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = ["--root", str(tmp_path)]
    assert cli.main(["trash", "list", *root]) == 0
    assert "empty" in capsys.readouterr().out
    cli.main(["project", "create", "zorb", *root])
    cli.main(["project", "delete", "zorb", *root])
    capsys.readouterr()
    assert cli.main(["trash", "list", "--json", *root]) == 0
    (entry,) = json.loads(capsys.readouterr().out)["entries"]
    assert (entry["kind"], entry["name"], entry["from"]) == ("project", "zorb", "projects/zorb")
    assert cli.main(["trash", "restore", "nothing", *root]) == 2
    assert entry["entry"] in capsys.readouterr().err
    assert cli.main(["trash", "restore", entry["entry"], "--name", "again", *root]) == 0
    assert (tmp_path / "train_tools" / "projects" / "again").is_dir()
