from __future__ import annotations

from pathlib import Path

import pytest

from train_tools import cli


def test_create_list_delete(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = ["--root", str(tmp_path)]
    assert cli.main(["version", "create", "zorb", "v1", *root]) == 2
    assert "project create" in capsys.readouterr().err
    assert cli.main(["project", "create", "zorb", *root]) == 0
    assert cli.main(["version", "list", "zorb", *root]) == 0
    assert "version create zorb" in capsys.readouterr().out
    assert cli.main(["version", "create", "zorb", "v1", *root]) == 0
    assert cli.main(["version", "create", "zorb", "V1", *root]) == 2
    assert "letter case" in capsys.readouterr().err
    assert cli.main(["version", "list", "zorb", *root]) == 0
    assert "v1" in capsys.readouterr().out
    assert cli.main(["version", "delete", "zorb", "v1", *root]) == 0
    assert cli.main(["version", "delete", "zorb", "v1", *root]) == 2
    assert len(list((tmp_path / "train_tools" / "trash").glob("*-v1"))) == 1
