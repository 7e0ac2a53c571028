"""`python -m train_tools test` runs every check and tells how each ended."""

from __future__ import annotations

import subprocess

import pytest

from train_tools.environment import checks


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
