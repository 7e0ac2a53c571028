from __future__ import annotations

import sys
from pathlib import Path

import pytest

from train_tools.environment.sd_scripts_place import sd_scripts_folder, sd_scripts_python, versions_folder


def checkout(folder: Path) -> Path:
    folder.mkdir(parents=True)
    (folder / "train_network.py").write_text("")
    return folder


def test_the_named_version_among_several_is_used(tmp_path: Path) -> None:
    environ = {"TRAIN_TOOLS_ENV": str(tmp_path / "env")}
    versions = versions_folder(environ)
    assert versions == tmp_path / "env" / "sd-scripts"
    assert sd_scripts_folder(environ) is None
    old, new = checkout(versions / "aaa"), checkout(versions / "bbb")
    (versions / "current.txt").write_text("aaa\n")
    assert sd_scripts_folder(environ) == old
    (versions / "current.txt").write_text("bbb")
    assert sd_scripts_folder(environ) == new


@pytest.mark.parametrize("name", ["", "gone", "..", "../elsewhere", "."])
def test_a_name_that_isnt_a_version_is_none(tmp_path: Path, name: str) -> None:
    environ = {"TRAIN_TOOLS_ENV": str(tmp_path / "env")}
    checkout(tmp_path / "env" / "elsewhere")
    checkout(versions_folder(environ))
    (versions_folder(environ) / "current.txt").write_text(name)
    assert sd_scripts_folder(environ) is None


def test_ones_own_checkout_comes_first(tmp_path: Path) -> None:
    own = checkout(tmp_path / "own")
    environ = {"TRAIN_TOOLS_ENV": str(tmp_path / "env"), "TRAIN_TOOLS_SD_SCRIPTS": str(own)}
    assert sd_scripts_folder(environ) == own
    assert sd_scripts_folder({**environ, "TRAIN_TOOLS_SD_SCRIPTS": str(tmp_path)}) is None


@pytest.mark.parametrize("windows", [False, True])
def test_a_checkouts_own_interpreter_is_taken(tmp_path: Path, windows: bool) -> None:
    assert sd_scripts_python(tmp_path, windows) == Path(sys.executable)
    python = tmp_path / "venv" / ("Scripts/python.exe" if windows else "bin/python")
    python.parent.mkdir(parents=True)
    python.write_text("")
    assert sd_scripts_python(tmp_path, windows) == python
