"""`python -m train_tools test` runs every check and tells how each ended."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from train_tools.environment import checks, host_environments


@pytest.mark.parametrize(("broken", "expected"), [(None, 0), ("ruff", 1), ("pytest", 1)])
def test_every_check_runs_and_any_failure_counts(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], broken: str | None, expected: int
) -> None:
    commands: list[list[str]] = []

    def call(command: list[str], **_: object) -> int:
        commands.append(command[2:])
        return 3 if command[2] == broken else 0

    monkeypatch.setattr(subprocess, "call", call)
    assert checks.run(["-k", "name"]) == expected
    assert [command[0] for command in commands] == ["ruff", "ruff", "mypy", "pytest"]
    assert commands[-1][-2:] == ["-k", "name"]
    lines = capsys.readouterr().out.splitlines()
    assert [line.partition(":")[0] for line in lines] == ["ruff check", "ruff format", "mypy", "pytest"]
    assert sum("FAILED" in line for line in lines) == {None: 0, "ruff": 2, "pytest": 1}[broken]


def test_what_is_left_out_is_run_where_it_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    commands: list[list[str]] = []
    monkeypatch.setattr(subprocess, "call", lambda command, **_: commands.append(command) or 0)
    assert checks.run(["--thorough", "-k", "name"]) == 0
    assert commands[-1][-4:] == ["-m", "", "-k", "name"]


def test_a_folder_that_is_no_webui_is_told(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert checks.run(["--webui", str(tmp_path)]) == 1
    assert f"{tmp_path} is no webui's folder" in capfd.readouterr().err
    (tmp_path / "launch.py").touch()
    assert checks.run([f"--webui={tmp_path}"]) == 1
    assert "name the one that it runs with: --python FILE" in capfd.readouterr().err


@pytest.mark.skipif(os.name == "nt", reason="scripts stand for Python programs")
def test_environments_of_hosts_take_the_newest_python_that_has_all_packages(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for version in ("3.11", "3.12", "3.14"):
        program = tmp_path / f"python{version}"
        program.write_text(f"#!/bin/sh\necho {version} {program}\n")
        program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setattr(host_environments, "base_python", lambda: str(tmp_path / "python3.11"))
    assert host_environments.interpreter(("3.10", "3.11", "3.12")) == str(tmp_path / "python3.12")
    assert host_environments.interpreter(("3.10", "3.11")) == str(tmp_path / "python3.11")
    assert host_environments.interpreter(("3.9",)) == ""
